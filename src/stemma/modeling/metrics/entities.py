"""Find the entities that the tags of words mark, whatever scheme the tags follow.

IOB1, IOB2, IOE1, IOE2, BIOES, BILOU, BMES and BMEW tell where an entity begins and ends by a letter
before its type. One way of reading fits all of them, that of CoNLL's own scorer (Tjong Kim Sang &
De Meulder 2003), as seqeval has it: an entity begins at a word whose tag says so, or after a word
outside of entities or in one of another type; it ends likewise. So no scheme need be guessed, and a
corpus that mixes schemes, or breaks its own rules here and there, is read as its annotators meant.
"""

import re
from collections.abc import Iterable, Sequence

Entity = tuple[str, int, int]
"""Type, and the places of the first and the last word."""

_TAG = re.compile("([BIESLUMW])(?:[-_](.+))?", re.IGNORECASE | re.DOTALL)
# Letters of BILOU, BMES and BMEW, and those of BIOES that mean the same.
_SAME = {"L": "E", "U": "S", "W": "S", "M": "I"}
_OUTSIDE = "O"


def read_tags(names: Sequence[str]) -> list[str] | None:
    """Return each tag as seqeval reads it; None if the tags mark no entities.

    Tags without such letters, such as parts of speech, mark no entities. If a few occur among tags
    with letters, one that is the type of others continues an entity of that type (``PER`` beside
    ``B-PER``); any other is outside of all entities.

    Args:
        names: every tag that there is.
    """
    found = {name: match for name in names if (match := _TAG.fullmatch(name))}
    typed = [(match[1].upper(), match[2]) for match in found.values() if match[2]]
    types = {kind for _, kind in typed}
    others = {name for name in names if name.upper() != _OUTSIDE} - found.keys()
    # If there are only letters (B, I, O), they mark entities of a single type.
    alone = not typed and not others and {"B", "I"} & {name.upper() for name in found}
    paired = len(set(typed)) > len(types)
    if not alone and not (typed and (paired or not others)):
        return None

    def read(name: str) -> str:
        match = found.get(name)
        if match and (match[2] or alone):
            letter = match[1].upper()
            return f"{_SAME.get(letter, letter)}-{match[2] or ''}"
        return f"I-{name}" if name in types else _OUTSIDE

    return [read(name) for name in names]


def entities_of(tags: Iterable[str]) -> set[Entity]:
    """Return the entities of a document.

    Args:
        tags: of its words, as ``read_tags`` gives them.
    """
    from seqeval.metrics.sequence_labeling import get_entities  # takes seconds to import

    return set(get_entities(list(tags)))
