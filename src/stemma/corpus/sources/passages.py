"""The words of a scene without its layout, each tagged with what the layout said about it."""

import re
from collections.abc import Iterator

from stemma.corpus.documents import Part
from stemma.corpus.sources.plays import DIRECTION, NAME

_WORD = re.compile(r"[^\W_]+(?:['\u2019-][^\W_]+)*")


def passages(markdown: str, size: int) -> Iterator[tuple[Part, ...]]:
    """Yield passages of at most ``size`` words with IOB2 tags of SPEAKER and DIRECTION.

    The words are in lower case and without punctuation, which would give the tags away: names stand
    in capitals, and directions in brackets. A name or direction that is cut in two by the end of a
    passage counts as two.
    """
    words = [
        (word.lower(), kind, place == 0)
        for kind, text in _runs(markdown)
        for place, word in enumerate(_WORD.findall(text))
    ]
    for start in range(0, len(words), size):
        yield tuple(
            Part(_tag(kind, begins or place == 0), word)
            for place, (word, kind, begins) in enumerate(words[start : start + size])
        )


def _tag(kind: str, begins: bool) -> str:
    return f"{'B' if begins else 'I'}-{kind}" if kind else "O"


def _runs(markdown: str) -> Iterator[tuple[str, str]]:
    # Splitting by a pattern with one group alternates between what is outside and inside of it.
    for index, text in enumerate(NAME.split(markdown)):
        if index % 2:
            yield "SPEAKER", text
            continue
        end = 0
        for found in DIRECTION.finditer(text):
            yield "", text[end : found.start()]
            yield "DIRECTION", found[1]
            end = found.end()
        yield "", text[end:]
