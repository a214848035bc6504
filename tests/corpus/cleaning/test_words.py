import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemma.corpus.cleaning import words as module
from stemma.corpus.cleaning.words import distinct, ngrams, shingles, words_of


@given(st.text(st.characters(codec="latin-1", exclude_characters="_²³¹¼½¾")))
def test_agrees_with_a_regular_expression(text):
    expected = re.findall(r"\w+", text.lower())
    found = words_of(text)
    assert found.lengths.tolist() == [len(word) for word in expected]
    by_hash = dict(zip(found.hashes.tolist(), expected, strict=True))
    assert [by_hash[value] for value in found.hashes.tolist()] == expected
    assert len(by_hash) == len(set(expected)), "different words, different hashes"
    assert found.alphabetic.tolist() == [any(map(str.isalpha, word)) for word in expected]


def test_hashes_are_the_same_on_every_machine():
    expected = [3505671522614356727, 8409258012294153476]
    assert words_of("To be, or not to be").hashes.tolist()[:2] == expected
    assert words_of("TO BE").hashes.tolist() == expected


def test_marks_belong_to_words_and_ideographs_stand_alone():
    assert words_of("हिन्दी भाषा").lengths.tolist() == [6, 4]
    assert len(words_of("中文字 abc中")) == 5


@given(st.text("ab \n", max_size=200))
def test_huge_texts_are_hashed_in_pieces(text):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_PIECE", 30)
        text = re.sub(r"(\S{10})", r"\1 ", text)
        pieces = words_of(text)
    whole = words_of(text)
    assert np.array_equal(pieces.hashes, whole.hashes)
    assert np.array_equal(pieces.lengths, whole.lengths)


def test_a_line_of_many_megabytes_without_a_space():
    assert int(words_of("x" * 2_000_000).lengths.sum()) == 2_000_000


def test_ngrams_depend_on_order_and_context():
    one = ngrams(words_of("a b c d"), 3)
    other = ngrams(words_of("x b c d"), 3)
    assert len(one) == 2
    assert one[1] == other[1] and one[0] != other[0]
    assert ngrams(words_of("b a"), 2) != ngrams(words_of("a b"), 2)
    assert len(ngrams(words_of("a b"), 3)) == 0


@given(st.lists(st.integers(0, 5)))
def test_distinct_is_the_sorted_set(values):
    assert distinct(np.array(values, np.uint64)).tolist() == sorted(set(values))


def test_every_text_has_a_shingle():
    assert len(shingles(words_of("one two"), 5, 0)) == 1
    assert shingles(words_of("..."), 5, 7).tolist() == [7]
