"""A preference in a row, in the forms that TRL's data sets have, to the parts of a document."""

import dataclasses
from collections.abc import Collection, Mapping
from typing import Any

from stemma.corpus.documents import Part
from stemma.corpus.preferences import (
    CHOSEN,
    DESIRABLE,
    PREFIX,
    PROMPT,
    REJECTED,
    UNDESIRABLE,
    role_of,
)
from stemma.corpus.sources.messages import Dialogue
from stemma.corpus.sources.settings import Columns
from stemma.errors import SourceError

_MEND = "mend the row, or set source.columns"


@dataclasses.dataclass(frozen=True)
class Preferring:
    """Reads rows of preferences.

    Attributes:
        columns: which column holds what.
        ignored: keys of messages that may be passed over.
    """

    columns: Columns
    ignored: Collection[str]

    def named(self) -> dict[str, str]:
        """Return the columns of preferences, by what they hold; empty if none are looked for."""
        columns = self.columns
        if columns.prompt is None:
            return {}
        keys = ("prompt", "chosen", "rejected", "completion", "desirable")
        found = {key: getattr(columns, key) for key in keys}
        return {key: column for key, column in found.items() if column is not None}

    def concerns(self, row: Mapping[str, Any]) -> bool:
        """Return whether a row, or the columns of a table, are of a preference."""
        named = self.named()
        return any(
            row.get(column) is not None for key, column in named.items() if key != "desirable"
        )

    def parts(self, row: Mapping[str, Any], where: str) -> tuple[Part, ...]:
        """Return the prompt and the completions of a row.

        Raises:
            SourceError: there is no prompt, both forms or neither of them, or something else than
                texts, messages, and true or false.
        """
        named = self.named()
        there = {key: row[column] for key, column in named.items() if row.get(column) is not None}
        if "prompt" not in there:
            raise SourceError(
                f"{where} is a preference without a prompt (column {named['prompt']!r})", _MEND
            )
        pair, thumb = {"chosen", "rejected"} & {*there}, "completion" in there
        if bool(pair) == thumb:
            raise SourceError(
                f"{where} is a pair and a thumb in one"
                if thumb
                else f"{where} has a prompt, and nothing after it that is judged",
                "a preference has chosen and rejected, or a completion and its label",
            )
        prompt = self._prompt(there["prompt"], named["prompt"], where)
        if thumb:
            kind = DESIRABLE if self._label(row, where) else UNDESIRABLE
            kinds = {"completion": kind}
        else:
            kinds = {"chosen": CHOSEN, "rejected": REJECTED}
            for key in kinds:
                if key not in there:
                    column = named.get(key, key)
                    raise SourceError(f"{where} is half a pair: no column {column!r}", _MEND)
        made = [
            Part(role_of(kind), self._completion(there[key], named[key], where))
            for key, kind in kinds.items()
        ]
        return *prompt, *made

    def _label(self, row: Mapping[str, Any], where: str) -> bool:
        column = self.columns.desirable
        value = row.get(column) if column is not None else None
        if not isinstance(value, bool):
            said = repr(value) if isinstance(value, str | int | float) else type(value).__name__
            raise SourceError(
                f"{where}: column {column!r} says {said} of the completion, not true or false",
                "mend the row, or set source.columns.desirable",
            )
        return value

    def _prompt(self, value: object, column: str, where: str) -> list[Part]:
        if isinstance(value, str) and value:
            return [Part(PROMPT, value)]
        if isinstance(value, list) and value:
            messages = Dialogue(column, where, self.ignored).parts(value)
            # Whatever is not a text or a message of one is refused, as in a conversation.
            return [Part(f"{PREFIX}{one.role}", one.text) for one in messages]
        raise SourceError(f"{where}: column {column!r} is no text and no list of messages", _MEND)

    def _completion(self, value: object, column: str, where: str) -> str:
        if isinstance(value, list) and len(value) == 1:
            (message,) = Dialogue(column, where, self.ignored).parts(value)
            value = message.text if message.role == "assistant" else None
        if isinstance(value, str) and value:
            return value
        raise SourceError(
            f"{where}: column {column!r} is no text and no single message of an assistant", _MEND
        )
