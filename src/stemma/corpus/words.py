"""Words and word n-grams as 64-bit hashes, for counting, comparing and looking up without strings.

A word is a maximal run of letters, digits and combining marks, in lower case. Scripts written
without spaces give one word per character. Everything is arithmetic on arrays, so that a document
costs a few dozen array operations and no Python object per word.
"""

import dataclasses
import functools
import unicodedata
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]

_PIECE = 2**17  # characters hashed at once: bounds the memory that one huge document takes
_BASE = 0x9E3779B97F4A7C15  # odd, therefore invertible modulo 2**64
_INVERSE = pow(_BASE, -1, 2**64)
_PLANE = 0x10000
_OTHER, _DIGIT, _LETTER, _ALONE = range(4)
# Thai and Lao, Burmese, Khmer, kana, ideographs.
_UNSPACED = (
    (0x0E00, 0x0EFF),
    (0x1000, 0x109F),
    (0x1780, 0x17FF),
    (0x3040, 0x30FF),
    (0x3400, 0x9FFF),
)


@dataclasses.dataclass(frozen=True, slots=True)
class Words:
    """The words of one text, in order.

    Attributes:
        hashes: uint64 [words].
        lengths: int64 [words], in characters.
        alphabetic: bool [words], whether the word has a letter.
    """

    hashes: Hashes
    lengths: NDArray[np.int64]
    alphabetic: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.hashes)


def words_of(text: str) -> Words:
    """Split a text into words and hash them; equal words have equal hashes on every machine."""
    if len(text) <= _PIECE:
        return _words(text)
    pieces = [_words(piece) for piece in _pieces(text)]
    return Words(
        np.concatenate([piece.hashes for piece in pieces]),
        np.concatenate([piece.lengths for piece in pieces]),
        np.concatenate([piece.alphabetic for piece in pieces]),
    )


def ngrams(hashes: Hashes, n: int) -> Hashes:
    """Hash every run of ``n`` words: uint64 [words - n + 1], or [0] when there are fewer words."""
    count = len(hashes) - n + 1
    if count <= 0:
        return np.empty(0, np.uint64)
    return combine([hashes[offset : offset + count] for offset in range(n)])


def combine(columns: Sequence[Hashes]) -> Hashes:
    """Hash the rows of a table that is given by its columns: uint64 [rows]."""
    total = np.zeros(len(columns[0]), np.uint64)
    for column in columns:
        total *= np.uint64(_BASE)
        total += column
    return _mix(total)


def shingles(words: Words, n: int, otherwise: int) -> Hashes:
    """Return the n-grams of a text, at least one, in which it may be compared as a set.

    A text of fewer than ``n`` words is one shingle as a whole, a text of no words ``otherwise``.
    """
    if not len(words):
        return np.array([otherwise], np.uint64)
    return ngrams(words.hashes, min(n, len(words)))


def distinct(values: Hashes) -> Hashes:
    """Sort the values and leave out repetitions.

    Several times as fast as ``np.unique``, which goes through a hash table.
    """
    ordered = np.sort(values)
    new = np.ones(len(ordered), np.bool_)
    new[1:] = ordered[1:] != ordered[:-1]
    return ordered[new]


def _words(text: str) -> Words:
    codes = np.frombuffer(text.lower().encode("utf-32-le"), np.uint32)
    kinds = _kinds()[np.minimum(codes, _PLANE)]
    edges = kinds[1:] != kinds[:-1]
    inside = kinds != _OTHER
    # A word starts after a character that is in none, and at each character that stands alone.
    alone = kinds == _ALONE
    starts = inside.copy()
    starts[1:] &= ~inside[:-1] | (edges & (alone[1:] | alone[:-1])) | alone[1:]
    first = np.flatnonzero(starts)
    if not len(first):
        return Words(np.empty(0, np.uint64), np.empty(0, np.int64), np.empty(0, np.bool_))
    # Rabin's polynomial hash: the difference of two prefix sums, scaled back to the word's start.
    powers, inverses = _powers()
    weighted = np.where(inside, codes, 0).astype(np.uint64) * powers[: len(codes)]
    hashes = np.add.reduceat(weighted, first) * inverses[first]
    lengths = np.add.reduceat(inside, first, dtype=np.int64)
    return Words(_mix(hashes), lengths, np.logical_or.reduceat(kinds >= _LETTER, first))


def _pieces(text: str) -> list[str]:
    pieces, start = [], 0
    while start < len(text):
        end = start + _PIECE
        if end < len(text):
            # A piece ends at white space, if there is any, so that no word is cut.
            cut = max(text.rfind(" ", start, end), text.rfind("\n", start, end))
            end = cut if cut > start else end
        pieces.append(text[start:end])
        start = end
    return pieces


@functools.cache
def _kinds() -> NDArray[np.uint8]:
    # One entry per character of the basic plane, one for all beyond it (ideographs, emoji).
    kinds = np.full(_PLANE + 1, _ALONE, np.uint8)
    for code in range(_PLANE):
        character = chr(code)
        if character.isalpha():
            kinds[code] = _LETTER
        else:
            # Digits and combining marks are part of a word, but do not make it one of letters.
            kinds[code] = _DIGIT if unicodedata.category(character)[0] in "MN" else _OTHER
    for low, high in _UNSPACED:
        span = kinds[low : high + 1]
        span[span == _LETTER] = _ALONE
    return kinds


@functools.cache
def _powers() -> tuple[Hashes, Hashes]:
    # Lower case can be longer than the text (one letter becomes at most three).
    size = 3 * _PIECE
    return _geometric(_BASE, size), _geometric(_INVERSE, size)


def _geometric(base: int, size: int) -> Hashes:
    terms = np.full(size, base, np.uint64)
    terms[0] = 1
    return np.cumprod(terms, dtype=np.uint64)


def _mix(values: Hashes) -> Hashes:
    # The finaliser of splitmix64 (Steele et al. 2014): spreads every bit over the whole word.
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
