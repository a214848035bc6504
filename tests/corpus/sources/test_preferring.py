"""Rows that are preferences: the forms that are read, and those that stop in one line."""

import pytest

from stemma.corpus.sources.rows import RowReader
from stemma.corpus.sources.settings import Columns
from stemma.errors import SourceError

NAMES = ("chosen", "rejected", "completion")
NONE = dict.fromkeys(("id", "group", "label", "target", "messages", "words", "tags"))
COLUMNS = Columns(
    **NONE, text="text", prompt="prompt", desirable="label", **{name: name for name in NAMES}
)
READER = RowReader(COLUMNS, "a.jsonl", "CC0-1.0", 1000)


def parts(row):
    made = READER.read(row, 1, "a.jsonl line 1").parts
    return [(part.role.removeprefix("preference."), part.text) for part in made]


def test_a_pair_a_thumb_and_a_text_stand_in_one_file():
    pair = {"prompt": "p", "chosen": "c", "rejected": "r"}
    assert parts(pair) == [("prompt", "p"), ("chosen", "c"), ("rejected", "r")]
    up = {"prompt": "p", "completion": "c", "label": True, "chosen": None}
    assert parts(up) == [("prompt", "p"), ("desirable", "c")]
    assert parts({**up, "label": False})[-1] == ("undesirable", "c")
    assert parts({"text": "an ordinary one"}) == []


def test_a_prompt_may_be_a_conversation():
    row = {
        "prompt": [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}],
        "completion": [{"role": "assistant", "content": "a"}],
        "label": True,
    }
    assert parts(row) == [("system", "s"), ("user", "u"), ("desirable", "a")]


PAIR = {"prompt": "p", "chosen": "c", "rejected": "r"}
THUMB = {"prompt": "p", "completion": "c", "label": True}
BAD = {
    "no prompt": ({"chosen": "c", "rejected": "r"}, "without a prompt"),
    "both forms": (PAIR | THUMB, "a pair and a thumb in one"),
    "neither form": ({"prompt": "p"}, "nothing after it that is judged"),
    "half a pair": ({"prompt": "p", "chosen": "c"}, "no column 'rejected'"),
    "an unknown label": (THUMB | {"label": "good"}, "says 'good'"),
    "a label that is a number": (THUMB | {"label": 1}, "says 1"),
    "no label": ({"prompt": "p", "completion": "c"}, "column 'label'"),
    "an empty completion": (PAIR | {"chosen": ""}, "column 'chosen' is no text"),
    "a user's completion": (
        PAIR | {"chosen": [{"role": "user", "content": "u"}]},
        "no single message of an assistant",
    ),
    "a prompt of numbers": (PAIR | {"prompt": 7}, "column 'prompt' is no text"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_rows_stop_in_one_line(kind):
    row, said = BAD[kind]
    with pytest.raises(SourceError) as caught:
        READER.read(row, 1, "a.jsonl line 1")
    assert said in str(caught.value) and "a.jsonl line 1" in str(caught.value)
    assert "\n" not in str(caught.value)
