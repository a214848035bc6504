import dataclasses

import pytest

from stemma.config import build
from stemma.corpus.documents import Part
from stemma.corpus.sources.rows import RowReader
from stemma.corpus.sources.settings import Columns
from stemma.errors import SettingsError, SourceError

KEYS = tuple(one.name for one in dataclasses.fields(Columns))


def read(row, ignored=(), **columns):
    chosen = build(Columns, dict.fromkeys(KEYS) | columns, "test")
    return RowReader(chosen, "a.jsonl", "MIT", 1000, ignored).read(row, 1, "a.jsonl line 1")


def test_a_label_and_what_the_text_is_to_be_turned_into():
    found = read({"a": "Hello", "b": "Bonjour", "c": 3}, text="a", target="b", label="c")
    assert found.text == "Hello\n\nBonjour" and found.label == "3"
    assert found.parts == (Part("source", "Hello"), Part("target", "Bonjour"))


def test_messages_and_words():
    messages = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Ho"}]
    found = read({"m": messages}, messages="m")
    assert found.text == "Hi\n\nHo" and found.parts == (Part("user", "Hi"), Part("assistant", "Ho"))
    found = read({"w": ["O", "Romeo"], "t": ["O", "B-PER"]}, words="w", tags="t")
    assert found.text == "O Romeo" and found.parts == (Part("O", "O"), Part("B-PER", "Romeo"))


@pytest.mark.parametrize(
    ("row", "columns", "message"),
    [
        (
            {"w": ["a", "b"], "t": ["O"]},
            {"words": "w", "tags": "t"},
            "2 words in column 'w', but 1",
        ),
        (
            {"w": ["a"], "t": [0]},
            {"words": "w", "tags": "t"},
            "element 1 of column 't' is int 0, not",
        ),
        (
            {"w": ["a", ""], "t": []},
            {"words": "w", "tags": "t"},
            "element 2 of column 'w' is empty",
        ),
        (
            {"w": [["a"]], "t": []},
            {"words": "w", "tags": "t"},
            "element 1 of column 'w' is list, not",
        ),
        ({"w": "a b", "t": []}, {"words": "w", "tags": "t"}, "column 'w' is str, not a list of"),
        ({"m": "[]"}, {"messages": "m"}, "column 'm' is str, not a list of messages"),
        ({"m": []}, {"messages": "m"}, "column 'm' is empty, not a list of messages"),
        ({"m": [{"role": "user"}]}, {"messages": "m"}, "message 1 of column 'm' is not"),
        ({"a": "x", "c": ""}, {"text": "a", "label": "c"}, "column 'c' is empty, not a string"),
        ({"a": "x", "c": None}, {"text": "a", "label": "c"}, "column 'c' is NoneType"),
        ({"a": "x"}, {"text": "a", "label": "c"}, "has no column 'c'; it has 'a'"),
        ({"a": "x", "b": None}, {"text": "a", "target": "b"}, "column 'b' is NoneType"),
    ],
)
def test_a_bad_row_is_one_line_that_names_file_row_and_column(row, columns, message):
    with pytest.raises(SourceError) as caught:
        read(row, **columns)
    assert str(caught.value).startswith("a.jsonl line 1") and message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({}, "source.columns has no text"),
        ({"text": "a", "messages": "m"}, "source.columns has text and messages"),
        ({"text": "a", "tags": "t"}, "source.columns.tags is set, but source.columns.words is"),
        ({"words": "w"}, "source.columns.words is set, but source.columns.tags is null"),
        ({"messages": "m", "target": "t"}, "source.columns.target is set"),
    ],
)
def test_columns_that_do_not_go_together(columns, message):
    with pytest.raises(SettingsError, match=message):
        read({}, **columns)
