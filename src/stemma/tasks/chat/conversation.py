"""What makes a document a conversation that can be learned from."""

from stemma.corpus.task import Example
from stemma.errors import DataError

_ROLES = ("system", "user", "assistant")


def check(example: Example) -> None:
    """Refuse what is no conversation, has an unknown role, or has no answer.

    Raises:
        DataError: says which of them.
    """
    if not example.parts:
        raise DataError(
            f"document '{example.id}' is no conversation",
            "use -S source=chatterbot, or set source.columns.messages",
        )
    for number, part in enumerate(example.parts, 1):
        if part.role not in _ROLES:
            raise DataError(
                f"document '{example.id}': message {number} has the role {part.role!r}",
                f"the roles of task=chat are {', '.join(_ROLES)}",
            )
    if not any(part.role == "assistant" and part.text.strip() for part in example.parts):
        raise DataError(
            f"document '{example.id}' has no answer (role assistant), so nothing can be learned",
            "add one, or leave the conversation out",
        )
