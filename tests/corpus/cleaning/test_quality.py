import dataclasses
from pathlib import Path

import pytest
import yaml

from stemma.config import build
from stemma.corpus.cleaning.quality import _MEASURES, Page, failed_limit
from stemma.corpus.cleaning.words import words_of
from stemma.corpus.settings import QualitySettings

CONF = Path(__file__).parents[3] / "conf/prepare"
OFF = build(QualitySettings, dict.fromkeys(QualitySettings.__annotations__), "test")

PROSE = """\
It is a truth universally acknowledged, that a single man in possession of a good fortune, must be
in want of a wife. However little known the feelings or views of such a man may be on his first
entering a neighbourhood, this truth is so well fixed in the minds of the surrounding families,
that he is considered as the rightful property of some one or other of their daughters.

My dear Mr. Bennet, said his lady to him one day, have you heard that Netherfield Park is let at
last? Mr. Bennet replied that he had not. But it is, returned she, for Mrs. Long has just been here
with the news, and she told me all about it.
"""


def page(text):
    return Page(text, words_of(text))


def limits(**changes):
    return dataclasses.replace(OFF, **changes)


BREAKS = {
    "min_words": (5, "Too few words"),
    "max_words": (5, "There are more words here than five"),
    "min_mean_word_length": (3, "a b c d e f g"),
    "max_mean_word_length": (10, "Donaudampfschifffahrtsgesellschaft"),
    "max_symbols_per_word": (0.1, "# one ## two ... three"),
    "max_bullet_lines": (0.9, "- one\n* two\n• three\n"),
    "max_ellipsis_lines": (0.3, "Read on...\nAnd more…\nThe end.\n"),
    "min_alphabetic_words": (0.8, "1 2 3 4 5 six"),
    "min_stop_words": (2, "The cat sat"),
    "max_duplicate_lines": (0.3, "same\nsame\nsame\nother\n"),
    "max_duplicate_line_characters": (0.2, "a long line\na long line\nx\ny\nz\n"),
    "max_duplicate_paragraphs": (0.3, "one\ntwo\n\none\ntwo\n\nthree\n"),
    "max_duplicate_paragraph_characters": (0.2, "one\ntwo\n\none\ntwo\n\nthree\n"),
    "max_top_2gram_characters": (0.2, "buy now and buy now or buy now"),
    "max_top_3gram_characters": (0.18, "buy it now and buy it now"),
    "max_top_4gram_characters": (0.16, "so buy it now and so buy it now"),
    **{
        f"max_duplicate_{n}gram_characters": (0.1, "a b c d e f g h i j k " * 2)
        for n in range(5, 11)
    },
    "max_curly_braces": (0, "int main() { return 0; }"),
    "max_lorem_ipsum": (0, "Lorem ipsum dolor sit amet"),
    "max_javascript_lines": (0.1, "Please enable JavaScript\nto read this page"),
    "min_terminal_punctuation_lines": (0.12, "Home\nAbout\nContact\nLogin\n"),
}


@pytest.mark.parametrize("name", list(BREAKS))
def test_names_the_limit_that_is_broken(name):
    limit, text = BREAKS[name]
    assert failed_limit(page(text), limits(**{name: limit})) == name
    assert (
        failed_limit(page(PROSE), limits(**{name: limit if name != "max_words" else 1000})) is None
    )
    assert failed_limit(page(text), OFF) is None, "null switches a limit off"


def test_every_limit_has_a_measure_and_an_example():
    names = [field.name for field in dataclasses.fields(OFF)]
    assert sorted(names) == sorted(name for name, _ in _MEASURES) == sorted(BREAKS)


@pytest.mark.parametrize("recipe", ["default", "web"])
@pytest.mark.parametrize("text", ["", "\n", "...", "{}", "word"])
def test_no_text_is_too_small_to_be_measured(recipe, text):
    raw = yaml.safe_load((CONF / f"{recipe}.yaml").read_text())
    settings = build(QualitySettings, raw["quality"], recipe)
    assert failed_limit(page(text), settings) is not None
    assert failed_limit(page(PROSE), settings) is None


def test_repetition_counts_no_word_twice():
    measure = dict(_MEASURES)["max_duplicate_5gram_characters"]
    assert measure(page("a b c d e f g " * 2)) == pytest.approx(0.5)
    assert measure(page("x " * 20)) == pytest.approx(0.95)
    assert dict(_MEASURES)["max_top_2gram_characters"](page("x " * 20)) == 1.0
