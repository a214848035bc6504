"""What is recorded of a text instead of the text: lengths, shares, language."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence

from stemma.corpus.cleaning.language import identify

_READ = 20_000  # characters that are looked at: a long text takes no longer
_NGRAM = 3
_FEWEST = 20  # letters, below which a language is a guess
_SAMPLE = 1_000  # characters by which a language is told
_OPENING = 200  # characters of an answer in which it refuses, if it does
REFUSALS = (
    "i can't", "i cannot", "i can not", "i won't", "i will not", "i'm not able to",
    "i am not able to", "i'm unable to", "i am unable to", "i'm sorry, but", "i am sorry, but",
    "i must decline", "as an ai",
)  # fmt: skip
"""By which an answer refuses, in lower case: it is one if it begins so, or a sentence near its
beginning does. They are English; an answer that refuses in another language is not noticed."""
_REFUSES = re.compile(
    r"(?:^|[.!?,;:\n]\s*)(?:" + "|".join(re.escape(one) for one in REFUSALS) + r")\b"
)


@dataclasses.dataclass(frozen=True)
class Features:
    """What is recorded of a text. Shares are of its first 20,000 characters.

    Attributes:
        characters: how many.
        words: between white space.
        lines: that are not empty.
        non_ascii: share of its letters that are not a to z.
        digits: share of its characters that are digits.
        repeated: share of its sequences of 3 words that came before.
        language: its ISO 639-1 code; None if it has fewer than 20 letters.
    """

    characters: int
    words: int
    lines: int
    non_ascii: float
    digits: float
    repeated: float
    language: str | None


def of(texts: Sequence[str]) -> Features:
    """Return the features of texts, taken together."""
    text = "\n".join(texts)
    read = text[:_READ]
    letters = [one for one in read if one.isalpha()]
    words = read.split()
    grams = list(zip(*(words[start:] for start in range(_NGRAM)), strict=False))
    return Features(
        characters=sum(len(one) for one in texts),
        words=len(words) if read is text else len(text.split()),
        lines=sum(not line.isspace() for line in text.split("\n") if line),
        non_ascii=_share(sum(not one.isascii() for one in letters), len(letters)),
        digits=_share(sum(one.isdigit() for one in read), len(read)),
        repeated=_share(len(grams) - len(set(grams)), len(grams)),
        language=identify(read, _SAMPLE)[0] if len(letters) >= _FEWEST else None,
    )


def refuses(answer: str) -> bool:
    """Say whether an answer refuses, by REFUSALS."""
    return bool(_REFUSES.search(answer[:_OPENING].strip().lower().replace("\u2019", "'")))


def _share(part: int, whole: int) -> float:
    return round(part / whole, 6) if whole else 0.0
