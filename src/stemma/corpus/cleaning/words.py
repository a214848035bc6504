"""Words and word n-grams as 64-bit hashes, to be counted, compared and looked up without strings.

A word is a maximal run of letters, digits and combining marks, in lower case. Scripts that put no
space between words, and emoji, give one word per character with its marks (a run of one and the
same character is one word too, as "hahaha" is). Such a word is a part of what other scripts call a
word, so an n-gram takes more of them. Everything is arithmetic on arrays, so that a document costs
a few dozen array operations and no Python object per word.
"""

import dataclasses
import functools
import unicodedata
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]

_PIECE = 2**17  # characters hashed at once: bounds the memory that one huge document takes
_TABLE = 3 * _PIECE  # lower case can be longer than the text: one letter becomes at most three
_BASE = 0x9E3779B97F4A7C15  # odd, therefore invertible modulo 2**64
_INVERSE = pow(_BASE, -1, 2**64)
_BEYOND = 0x20000  # from here on ideographs only; one entry of the table for all of them
_TAGS = 0xE0000  # variation selectors and tags, which are marks; one entry too
_OTHER, _DIGIT, _MARK, _LETTER, _ALONE = range(5)
WHOLE = 6  # what `Words.shares` counts a whole word as: two and three divide it
# Scripts without spaces between words (UAX 14, classes SA and ID): first and last character, and
# how many make a word: some three of the syllables of South East Asia, some two ideographs or kana.
_UNSPACED = (
    (0x0E00, 0x0EFF, 3),  # Thai, Lao
    (0x1000, 0x109F, 3),  # Burmese
    (0x1780, 0x17FF, 3),  # Khmer
    (0x1950, 0x19DF, 3),  # Tai Le, New Tai Lue
    (0x1A20, 0x1AAF, 3),  # Tai Tham
    (0x1B00, 0x1B7F, 3),  # Balinese
    (0xA980, 0xA9FF, 3),  # Javanese, Burmese
    (0xAA60, 0xAADF, 3),  # Burmese, Tai Viet
    (0x3005, 0x312F, 2),  # kana, Bopomofo
    (0x31A0, 0x31FF, 2),
    (0x3400, 0x9FFF, 2),  # ideographs
    (0xA000, 0xA48F, 2),  # Yi
    (0xF900, 0xFAFF, 2),
    (0xFF66, 0xFF9F, 2),  # kana of half the width
    (0x12000, 0x1467F, 2),  # cuneiform, hieroglyphs
    (0x16FE0, 0x1B2FF, 2),  # Tangut, old kana, Nushu
)
_PICTURES = ((0x2600, 0x27BF), (0x2B50, 0x2B55), (0x1F000, 0x1FAFF))
_SKINS = (0x1F3FB, 0x1F3FF)  # change the emoji before them, as marks do
_HANGUL = (0xAC00, 0xD7A3)  # syllables of two or three letters each


@dataclasses.dataclass(frozen=True, slots=True)
class Words:
    """The words of one text, in order.

    Attributes:
        hashes: uint64 [words].
        lengths: int64 [words], in characters; a syllable of Hangul counts as two.
        alphabetic: bool [words], whether the word has a letter, or is an emoji.
        shares: uint8 [words], how much of a word it is: WHOLE, or less in a script without spaces.
    """

    hashes: Hashes
    lengths: NDArray[np.int64]
    alphabetic: NDArray[np.bool_]
    shares: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.hashes)

    def take(self, chosen: NDArray[np.bool_]) -> "Words":
        """Return some of the words, in their order."""
        return Words(*(getattr(self, field.name)[chosen] for field in dataclasses.fields(self)))

    @classmethod
    def join(cls, parts: Sequence["Words"]) -> "Words":
        """Return the words of consecutive pieces of a text."""
        columns = (field.name for field in dataclasses.fields(cls))
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in columns))


def words_of(text: str) -> Words:
    """Split a text into words and hash them; equal words have equal hashes on every machine."""
    if len(text) <= _PIECE:
        return _words(text)
    return Words.join([_words(piece) for piece in _pieces(text)])


def runs(words: Words, n: int) -> NDArray[np.int64]:
    """Return where the run of ``n`` whole words ends that begins at each word.

    In a script without spaces, a run has as many more words as make up ``n`` whole ones.

    Returns:
        int64 [runs], the number of the word after each run; [0] if the text is shorter.
    """
    if (words.shares == WHOLE).all():
        return np.arange(n, len(words) + 1)
    reached = np.cumsum(words.shares, dtype=np.int64)
    wanted = reached - words.shares + n * WHOLE
    wanted = wanted[: np.searchsorted(wanted, reached[-1], "right")]
    return np.searchsorted(reached, wanted) + 1


def ngrams(words: Words, n: int) -> Hashes:
    """Hash every run of ``n`` words (see `runs`): uint64 [runs], empty if there are fewer."""
    return _hash_runs(words.hashes, runs(words, n))


def combine(columns: Sequence[Hashes]) -> Hashes:
    """Hash the rows of a table, given its columns: uint64 [rows]."""
    total = np.zeros(len(columns[0]), np.uint64)
    for column in columns:
        total *= np.uint64(_BASE)
        total += column
    return _mix(total)


def shingles(words: Words, n: int, otherwise: int) -> Hashes:
    """Return the n-grams of a text, at least one, as the set by which it is compared.

    A text of fewer than ``n`` words is a single shingle; a text without words is ``otherwise``.
    """
    if not len(words):
        return np.array([otherwise], np.uint64)
    ends = runs(words, n)
    return _hash_runs(words.hashes, ends if len(ends) else np.array([len(words)]))


def covered(words: Words, n: int, chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which words are in one of the chosen runs of ``n`` words.

    Args:
        words: of a text.
        n: words per run.
        chosen: bool [runs].

    Returns:
        bool [words].
    """
    edges = np.zeros(len(words) + 1, np.int64)
    edges[: len(chosen)] += chosen
    np.subtract.at(edges, runs(words, n)[chosen], 1)
    return np.cumsum(edges[:-1]) > 0


def distinct(values: Hashes) -> Hashes:
    """Return the distinct values, sorted.

    This is several times as fast as ``np.unique``, which goes through a hash table.
    """
    ordered = np.sort(values)
    new = np.ones(len(ordered), np.bool_)
    new[1:] = ordered[1:] != ordered[:-1]
    return ordered[new]


def _words(text: str) -> Words:
    codes = np.frombuffer(text.lower().encode("utf-32-le"), np.uint32)
    table = _characters()
    entries = np.minimum(codes, _BEYOND)
    entries[codes >= _TAGS] = _BEYOND + 1
    kinds = table.kinds[entries]
    inside, marks = kinds != _OTHER, kinds == _MARK
    alone = _with_marks(kinds == _ALONE, marks)
    # A word starts after a character that is in no word, and at each character that stands alone.
    starts = inside.copy()
    starts[1:] &= (
        ~inside[:-1]
        | (alone[1:] != alone[:-1])
        | (alone[1:] & ~marks[1:] & (codes[1:] != codes[:-1]))
    )
    first = np.flatnonzero(starts)
    if not len(first):
        none = np.empty(0, np.int64)
        return Words(none.astype(np.uint64), none, none.astype(np.bool_), none.astype(np.uint8))
    # Rabin's polynomial hash: the difference of two prefix sums, scaled back to the word's start.
    powers, inverses = _powers()
    weighted = np.where(inside, codes, 0).astype(np.uint64) * powers[: len(codes)]
    hashes = np.add.reduceat(weighted, first) * inverses[first]
    lengths = np.add.reduceat(table.letters[entries], first, dtype=np.int64)
    alphabetic = np.logical_or.reduceat(kinds >= _LETTER, first)
    return Words(_mix(hashes), lengths, alphabetic, table.shares[entries[first]])


def _with_marks(alone: NDArray[np.bool_], marks: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Give marks the properties of the character that they belong to."""
    if not marks.any():
        return alone
    return alone[np.maximum.accumulate(np.where(marks, 0, np.arange(len(marks))))]


def _hash_runs(hashes: Hashes, ends: NDArray[np.int64]) -> Hashes:
    """Hash the words from each number on up to its end, as `combine` hashes columns."""
    if not len(ends):
        return np.empty(0, np.uint64)
    powers, inverses = _powers() if len(hashes) < _TABLE else _tables(len(hashes) + 1)
    sums = np.zeros(len(hashes) + 1, np.uint64)
    np.cumsum(hashes * inverses[: len(hashes)], out=sums[1:])
    return _mix((sums[ends] - sums[: len(ends)]) * powers[ends - 1])


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


@dataclasses.dataclass(frozen=True, slots=True)
class _Characters:
    """Properties of each character: uint8 [_BEYOND + 2], see _BEYOND and _TAGS.

    Attributes:
        kinds: its kind.
        letters: how much it adds to the length of its word.
        shares: how much of a word it is if it stands alone.
    """

    kinds: NDArray[np.uint8]
    letters: NDArray[np.uint8]
    shares: NDArray[np.uint8]


@functools.cache
def _characters() -> _Characters:
    kinds = np.array([*map(_kind, map(chr, range(_BEYOND))), _ALONE, _MARK], np.uint8)
    shares = np.full(len(kinds), WHOLE, np.uint8)
    for low, high, parts in _UNSPACED:
        some = slice(low, high + 1)
        kinds[some][kinds[some] == _LETTER] = _ALONE
        shares[some] = WHOLE // parts
    for low, high in _PICTURES:
        pictures = low + np.flatnonzero(kinds[low : high + 1] == _OTHER)
        kinds[pictures], shares[pictures] = _ALONE, WHOLE // 2
    shares[_BEYOND] = WHOLE // 2
    kinds[slice(_SKINS[0], _SKINS[1] + 1)] = _MARK
    letters = (kinds != _OTHER).astype(np.uint8)
    letters[slice(_HANGUL[0], _HANGUL[1] + 1)] = 2
    return _Characters(kinds, letters, np.where(kinds == _ALONE, shares, WHOLE).astype(np.uint8))


def _kind(character: str) -> int:
    if character.isalpha():
        return _LETTER
    # Digits and combining marks are part of a word, but do not make it alphabetic.
    return {"M": _MARK, "N": _DIGIT}.get(unicodedata.category(character)[0], _OTHER)


@functools.cache
def _powers() -> tuple[Hashes, Hashes]:
    return _tables(_TABLE)


def _tables(size: int) -> tuple[Hashes, Hashes]:
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
