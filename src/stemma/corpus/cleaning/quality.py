"""Quality limits after Gopher (Rae et al. 2021) and C4 (Raffel et al. 2020).

The name of a limit is ``min_`` or ``max_`` and the name of what is measured, so a new filter is one
field of `QualitySettings` and one entry of the table of measures. Where C4 removes single lines,
here the document is measured by its share of such lines, and stays whole or goes.

Both papers are about English. What has no meaning in a script is not measured there and breaks no
limit, such as the length of words in a script whose characters stand alone. Limits on numbers of
words count such characters; limits on n-grams take as many of them as make up n words.
"""

import dataclasses
import functools
import re
from collections.abc import Callable

import numpy as np

from stemma.corpus.cleaning.words import WHOLE, Hashes, Words, covered, ngrams, runs, words_of
from stemma.corpus.settings import QualitySettings

_BULLETS = ("-", "*", "•", "‣", "▪", "●", "–", "\u00b7")  # noqa: RUF001
_TERMINAL = (
    *(".", "!", "?", '"', "”", "'", "’", "…"),  # noqa: RUF001
    *("。", "！", "？", "．", "｡", "」", "』", "）"),  # noqa: RUF001
    *("؟", "۔", "।", "॥", "։", "።", "។", "៕", "။", "།", "༎", "ฯ"),  # noqa: RUF001
)
_PARAGRAPHS = re.compile(r"\n\s*\n")
_STOP_WORDS = "the be to of and that have with"


@dataclasses.dataclass(frozen=True)
class Page:
    """A document as the filters see it; what several of them need is computed once."""

    text: str
    words: Words

    @functools.cached_property
    def lines(self) -> list[str]:
        """The lines that are not blank, stripped."""
        return [line for line in map(str.strip, self.text.split("\n")) if line]

    @functools.cached_property
    def paragraphs(self) -> list[str]:
        """The texts between blank lines, stripped."""
        return [part for part in map(str.strip, _PARAGRAPHS.split(self.text)) if part]


def failed_limit(page: Page, limits: QualitySettings) -> str | None:
    """Return the name of the first limit that the document breaks, or None."""
    for name, measure in _MEASURES:
        limit = getattr(limits, name)
        if limit is None:
            continue
        value = measure(page)
        if value is None:
            continue
        if value < limit if name.startswith("min_") else value > limit:
            return name
    return None


def _share(count: float, total: float) -> float:
    return count / total if total else 0.0


def _lines_that(test: Callable[[str], bool]) -> Callable[[Page], float]:
    return lambda page: _share(sum(map(test, page.lines)), len(page.lines))


def _repeated(parts: list[str]) -> float:
    return _share(len(parts) - len(set(parts)), len(parts))


def _repeated_characters(parts: list[str]) -> float:
    distinct = sum(map(len, set(parts)))
    total = sum(map(len, parts))
    return _share(total - distinct, total)


def _symbols_per_word(page: Page) -> float:
    symbols = page.text.count("#") + page.text.count("...") + page.text.count("…")
    return symbols / max(1, len(page.words))


@functools.cache
def _stop_words() -> Hashes:
    return words_of(_STOP_WORDS).hashes


def _stop_words_found(page: Page) -> float:
    return int(np.isin(_stop_words(), page.words.hashes).sum())


def _top_ngram(n: int) -> Callable[[Page], float]:
    """Measure the share of word characters within the most frequent n-gram, if it repeats."""

    def measure(page: Page) -> float:
        hashes, ends = ngrams(page.words, n), runs(page.words, n)
        found, counts = np.unique(hashes, return_counts=True)
        if len(found) == len(hashes):
            return 0.0
        most = counts.max()
        letters = np.concatenate([[0], np.cumsum(page.words.lengths)])
        spans = letters[ends] - letters[: len(ends)]
        # Of several equally frequent ones, the longest: a rule that does not depend on hash values.
        longest = spans[np.isin(hashes, found[counts == most])].max()
        return min(1.0, int(most) * int(longest) / int(letters[-1]))

    return measure


def _duplicate_ngrams(n: int) -> Callable[[Page], float]:
    """Measure the share of word characters in repeated n-grams, none counted twice."""

    def measure(page: Page) -> float:
        hashes = ngrams(page.words, n)
        # Most texts repeat nothing, and the sorting that tells so is cheap.
        ordered = np.sort(hashes)
        if not (ordered[1:] == ordered[:-1]).any():
            return 0.0
        again = np.ones(len(hashes), np.bool_)
        again[np.unique(hashes, return_index=True)[1]] = False
        inside = covered(page.words, n, again)
        return int(page.words.lengths[inside].sum()) / int(page.words.lengths.sum())

    return measure


def _mean_length(page: Page) -> float | None:
    words = page.words
    spaced = words.shares == WHOLE
    letters = int(words.lengths[spaced].sum())
    # A few words in another script, such as names, say nothing about the text.
    if 2 * letters < int(words.lengths.sum()):
        return None
    return _share(letters, int(spaced.sum()))


# From cheap to expensive: the first broken limit is the reason.
_MEASURES: tuple[tuple[str, Callable[[Page], float | None]], ...] = (
    ("min_words", lambda page: len(page.words)),
    ("max_words", lambda page: len(page.words)),
    ("min_mean_word_length", _mean_length),
    ("max_mean_word_length", _mean_length),
    ("max_curly_braces", lambda page: page.text.count("{") + page.text.count("}")),
    ("max_lorem_ipsum", lambda page: page.text.lower().count("lorem ipsum")),
    ("max_symbols_per_word", _symbols_per_word),
    (
        "min_alphabetic_words",
        lambda page: _share(int(page.words.alphabetic.sum()), len(page.words)),
    ),
    ("min_stop_words", _stop_words_found),
    ("max_bullet_lines", _lines_that(lambda line: line.startswith(_BULLETS))),
    ("max_ellipsis_lines", _lines_that(lambda line: line.endswith(("...", "…")))),
    ("max_javascript_lines", _lines_that(lambda line: "javascript" in line.lower())),
    ("min_terminal_punctuation_lines", _lines_that(lambda line: line.endswith(_TERMINAL))),
    ("max_duplicate_lines", lambda page: _repeated(page.lines)),
    ("max_duplicate_line_characters", lambda page: _repeated_characters(page.lines)),
    ("max_duplicate_paragraphs", lambda page: _repeated(page.paragraphs)),
    ("max_duplicate_paragraph_characters", lambda page: _repeated_characters(page.paragraphs)),
    *((f"max_top_{n}gram_characters", _top_ngram(n)) for n in (2, 3, 4)),
    *((f"max_duplicate_{n}gram_characters", _duplicate_ngrams(n)) for n in range(5, 11)),
)
