"""Entities in tags: which words make up one, whatever scheme the tags are written in.

IOB1, IOB2, IOE1, IOE2, BIOES, BILOU, BMES and BMEW tell where an entity begins and ends by a letter
before its type. One reading is right for all of them, that of CoNLL's own scorer (Tjong Kim Sang &
De Meulder 2003), which seqeval has: an entity begins at a word that says so, and where none went
before or the type changes; it ends likewise. So no scheme need be guessed, and a corpus that mixes
schemes, or breaks the rules of its own here and there, is read as its annotators meant it.
"""

import re
from collections.abc import Iterable, Sequence

Entity = tuple[str, int, int]
"""Type, and the places of the first and the last word."""

_TAG = re.compile("([BIESLUMW])(?:[-_](.+))?", re.IGNORECASE | re.DOTALL)
# The letters of BILOU, BMES and BMEW, as BIOES has them.
_SAME = {"L": "E", "U": "S", "W": "S", "M": "I"}
_OUTSIDE = "O"


def read_tags(names: Sequence[str]) -> list[str] | None:
    """Return each tag as seqeval reads it; None where they are no tags of entities.

    Tags without such letters, as parts of speech are, make no entities. A few of them among tags
    with letters are read too: one that is the type of others continues an entity of that type
    (``PER`` beside ``B-PER``), any other is outside of all.

    Args:
        names: every tag that there is.
    """
    found = {name: match for name in names if (match := _TAG.fullmatch(name))}
    typed = [(match[1].upper(), match[2]) for match in found.values() if match[2]]
    types = {kind for _, kind in typed}
    others = {name for name in names if name.upper() != _OUTSIDE} - found.keys()
    # Letters alone (B, I, O) are tags of entities of one type, where there is nothing else.
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
