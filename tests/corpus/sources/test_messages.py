"""Dialogues as people have them: nothing of a message is left out without a word."""

import dataclasses

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stemma.config import build
from stemma.corpus.documents import Part
from stemma.corpus.sources.formats import read_parquet
from stemma.corpus.sources.rows import RowReader
from stemma.corpus.sources.settings import Columns
from stemma.errors import SourceError

COLUMNS = {one.name: None for one in dataclasses.fields(Columns) if one.name != "messages"}
HI = {"role": "user", "content": "Hi"}
HO = {"role": "assistant", "content": "Ho"}
SAID = (Part("user", "Hi"), Part("assistant", "Ho"))


def reader(ignored=()):
    columns = build(Columns, COLUMNS | {"messages": "m"}, "test")
    return RowReader(columns, "a.jsonl", "MIT", 1000, ignored)


def read(*messages, ignored=(), **beside):
    return reader(ignored).read({"m": list(messages), **beside}, 1, "a.jsonl line 1").parts


def refused(*messages, **beside):
    with pytest.raises(SourceError) as caught:
        read(*messages, **beside)
    line = str(caught.value)
    assert line.startswith("a.jsonl line 1") and "\n" not in line
    return line


def test_sharegpt_and_texts_in_parts_are_read():
    assert read({"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Ho"}) == SAID
    assert read({"from": "system", "value": "Be"}) == (Part("system", "Be"),)
    pieces = [{"type": "text", "text": "H"}, {"type": "text", "text": "i", "image_url": None}]
    assert read({"role": "user", "content": pieces}, HO) == SAID


@pytest.mark.parametrize(
    "key",
    [
        {"tool_calls": None, "function_call": {}, "refusal": "", "annotations": []},
        {"weight": 1},
        {"weight": 1.0, "train": True, "masked": False},
    ],
)
def test_keys_that_say_nothing_are_passed_over(key):
    assert read(HI, {**HO, **key}) == SAID


@pytest.mark.parametrize(
    "key",
    [
        {"tool_calls": [{"id": "1", "function": {"name": "f", "arguments": "{}"}}]},
        {"function_call": {"name": "f"}},
        {"reasoning_content": "Let me think"},
        {"thinking": "Let me think"},
        {"weight": 0},
        {"weight": 0.5},
        {"train": False},
        {"train_detail": [{"begin_offset": 0, "end_offset": 1, "train": False}]},
        {"masked": True},
        {"name": "Romeo"},
        {"timestamp": 3},
    ],
)
def test_a_key_that_is_not_read_is_named_unless_it_may_be_ignored(key):
    (name,) = key
    for content in ("Ho", "", None):
        line = refused(HI, {**HO, "content": content, **key})
        assert f"line 1: message 2 of column 'm' has the key {name!r}, which is not read" in line
        assert "source.ignored_keys" in line
    assert read(HI, {**HO, **key}, ignored=(name,)) == SAID


@pytest.mark.parametrize("key", ["system", "tools", "chat_template_kwargs", "images"])
def test_a_column_that_belongs_to_the_dialogue_is_named(key, tmp_path):
    assert read(HI, HO, **{key: None}) == read(HI, HO, ignored=(key,), **{key: "x"}) == SAID
    assert f"has the column {key!r}, which is not read" in refused(HI, HO, **{key: "x"})
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"m": [[HI, HO]] * 2, key: [None, "x"], "n": [1, 2]}), path)
    found = read_parquet(path, reader())
    assert next(found).parts == SAID
    with pytest.raises(SourceError, match=f"row 2 has the column {key!r}, which is not read"):
        next(found)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (
            [{"type": "image_url", "image_url": {"url": "x"}}],
            "part 1 of its content is 'image_url'",
        ),
        ([{"type": "text", "text": "x"}, {"type": "tool_use", "id": "x"}], "part 2"),
        (["x"], "part 1 of its content is 'str', not a text"),
        ([{"type": "text", "text": None}], "part 1"),
        (
            [{"type": "text", "text": "x", "cache_control": {"type": "e"}}],
            "the key 'cache_control'",
        ),
    ],
)
def test_a_part_of_a_content_that_is_no_text_is_named(content, found):
    line = refused({"role": "user", "content": content}, HO)
    assert "line 1: message 1 of column 'm'" in line and found in line
