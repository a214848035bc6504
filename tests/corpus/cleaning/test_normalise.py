import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from stemma.corpus.cleaning.normalise import normalise


def test_spells_each_character_one_way():
    assert normalise("cafe\u0301") == "café"
    assert normalise("e\u200b\u0301") == "é", "what stood between letter and accent is gone"


def test_ends_lines_with_line_feed():
    assert normalise("a\r\nb\rc\x85d\u2028e\ff") == "a\nb\nc\nd\ne\nf"


def test_removes_what_nobody_sees_and_keeps_the_rest():
    assert normalise("\ufeffa\0b\x1b\x7fc\u200bd\u2060e\xadf") == "abcdef"
    kept = "Tab\there,  two  spaces \n\n\n“quotes” — की\u200dक 👩\u200d🔬\n"
    assert normalise(kept) == kept


@given(st.text())
def test_is_idempotent_and_composed(text):
    once = normalise(text)
    assert normalise(once) == once
    assert unicodedata.is_normalized("NFC", once)


@given(st.text(st.characters(codec="ascii", exclude_categories=("Cc",))))
def test_printable_ascii_is_untouched(text):
    assert normalise(text) == text
