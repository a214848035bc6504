"""Personal data: found by its shape, checked if the shape has rules, and masked or dropped.

Numbers are looked at with the words around them: `telephones`, `addresses`, `cards`. Names and
addresses of streets are not looked for.
"""

import re
from collections.abc import Callable

from stemma.corpus.cleaning.addresses import mask_addresses
from stemma.corpus.cleaning.cards import mask_cards
from stemma.corpus.cleaning.secrets import mask_secrets
from stemma.corpus.cleaning.telephones import mask_telephones
from stemma.corpus.settings import PersonalSettings

# Every repetition is bounded, so that no text takes more than linear time. What goes on with a
# colon is a repository, and what ends like the name of a picture is a picture.
_EMAIL = re.compile(
    r"(?<![\w.+-])[A-Za-z0-9][\w.%+-]{0,63}@(?:[A-Za-z0-9-]{1,63}\.){1,8}"
    r"(?!(?:png|jpe?g|gif|svg|webp|css|js|json)\b)[A-Za-z]{2,24}(?![\w-]|:[\w~/])",
    re.ASCII,
)


def treat(text: str, treatments: PersonalSettings) -> tuple[str, dict[str, int], str | None]:
    """Mask the personal data in a text that is to be masked.

    Returns:
        The text; how often each kind was found, except those that are kept; and the kind for which
        the document is to be dropped, or None.
    """
    counts: dict[str, int] = {}
    dropped_for = None
    for kind, mask in _KINDS.items():
        treatment = getattr(treatments, kind)
        if treatment == "keep":
            continue
        text, count = mask(text, f"<{kind.upper()}>")
        if count:
            counts[kind] = count
            if treatment == "drop":
                dropped_for = dropped_for or kind
    return text, counts, dropped_for


def _mask_email(text: str, mask: str) -> tuple[str, int]:
    return _EMAIL.subn(mask, text) if "@" in text else (text, 0)


# Long and checked shapes come first, so that none of them is mistaken for a shorter one.
_KINDS: dict[str, Callable[[str, str], tuple[str, int]]] = {
    "secret": mask_secrets,
    "email": _mask_email,
    "card": mask_cards,
    "ip": mask_addresses,
    "phone": mask_telephones,
}
