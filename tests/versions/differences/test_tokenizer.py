"""Known changes to a tokenizer, and exactly those are told."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from spoken import clauses
from tiny import make_data, texts

from stemma.corpus.tokenizer.encoder import Encoder
from stemma.errors import DataError
from stemma.pages.blocks import Table
from stemma.store.naming import Folder
from stemma.store.version import Tree
from stemma.versions.differences.section import Alike, Section
from stemma.versions.differences.tokenizer import compare

TEST = ["the king  and\nqueen\n", "là où\t\tnight ", "love", "", "sorrow sorrow"]


def prepared(folder: Path, vocabulary: int = 300, test: list[str] = TEST) -> Tree:
    """Lay out data/prepared as prepare does, with a manifest of the test split."""
    data = folder / "data/prepared"
    data.parent.mkdir(parents=True)
    make_data(data, {"train": texts(0, 60), "test": test}, vocabulary)
    encoded = Encoder(data / "tokenizer").encode_batch(test)
    rows = [
        {
            "id": str(index),
            "sha256": str(hash(text)),
            "bytes": len(text.encode()),
            "tokens": len(ids) + 1,
            "split": "test",
        }
        for index, (text, ids) in enumerate(zip(test, encoded, strict=True))
    ]
    other = {"id": "x", "sha256": "x", "bytes": 9, "tokens": 9, "split": "train"}
    pq.write_table(pa.Table.from_pylist([other, *rows]), data / "manifest.parquet")
    return Tree(folder)


def edited(tmp_path: Path, file: str, change: Any) -> Section | None:
    """Compare a tokenizer with itself, one file of it changed by ``change(content)``."""
    one, other = prepared(tmp_path / "a"), prepared(tmp_path / "b")
    path = tmp_path / "b/data/prepared/tokenizer" / file
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    return compare(one, other)


def test_the_same_tokenizer_is_no_section(tmp_path: Path):
    assert compare(prepared(tmp_path / "a"), prepared(tmp_path / "b")) is Alike.EQUAL
    assert edited(tmp_path / "c", "tokenizer.json", lambda content: None) is Alike.EQUAL


def test_one_merge_more_is_that_merge_and_its_entry(tmp_path: Path):
    one, other = prepared(tmp_path / "a", 300), prepared(tmp_path / "b", 301)
    found = compare(one, other)
    assert found is not None
    kept = json.loads((tmp_path / "b/data/prepared/tokenizer/tokenizer.json").read_text())
    last = kept["model"]["merges"][-1]
    last = last if isinstance(last, list) else last.split(" ")
    assert found.facts["merges_added"] == [last]
    assert found.facts["entries_added"] == ["".join(last)]
    assert set(found.facts) == {"merges_added", "entries_added", "fertility"}
    assert clauses(found)[:2] == ("1 merge is new", "1 vocabulary entry is new")


def test_fertility_is_that_of_the_tokenizers_on_the_same_text(tmp_path: Path):
    one, other = prepared(tmp_path / "a", 270), prepared(tmp_path / "b", 303)
    found = compare(one, other)
    assert found is not None
    counts = [
        sum(map(len, Encoder(tmp_path / side / "data/prepared/tokenizer").encode_batch(TEST)))
        for side in "ab"
    ]
    size, words = len("".join(TEST).encode()), sum(len(text.split()) for text in TEST)
    assert found.facts["fertility"] == {
        "documents": len(TEST),
        "bytes": size,
        "words": words,
        "tokens": counts,
        "tokens_per_byte": [count / size for count in counts],
        "tokens_per_word": [count / words for count in counts],
    }
    fewer = 1 - counts[1] / counts[0]
    assert clauses(found)[-1] == f"the test text takes {fewer:.1%} fewer tokens"


def test_fertility_is_told_of_the_documents_that_both_have(tmp_path: Path):
    one = prepared(tmp_path / "a", 270)
    found = compare(one, prepared(tmp_path / "b", 303, [*TEST[1:], "another"]))
    assert found is not None
    assert found.facts["fertility"]["documents"] == len(TEST) - 1
    assert found.facts["fertility"]["words"] is None
    found = compare(one, prepared(tmp_path / "c", 303, ["another"]))
    assert found is not None
    assert "fertility" not in found.facts


def test_a_merge_that_moved(tmp_path: Path):
    def swap(content: dict) -> None:
        merges = content["model"]["merges"]
        merges[0], merges[1] = merges[1], merges[0]

    found = edited(tmp_path, "tokenizer.json", swap)
    assert found is not None
    assert clauses(found)[0] == "merges stand in another order"
    assert set(found.facts) == {"merges_reordered", "fertility"}


def test_an_added_token(tmp_path: Path):
    token = {"id": 300, "content": "<|im_start|>", "special": True, "normalized": False}
    found = edited(tmp_path, "tokenizer.json", lambda x: x["added_tokens"].append(token))
    assert found is not None
    assert found.facts["added_tokens"] == {"<|im_start|>": [[], [token]]}
    assert clauses(found)[0] == "the added token <|im_start|> is new"


def test_a_setting_of_the_normaliser_and_a_role(tmp_path: Path):
    def change(content: dict) -> None:
        content["normalizer"] = {"type": "NFC"}
        content["pre_tokenizer"]["add_prefix_space"] = True

    found = edited(tmp_path, "tokenizer.json", change)
    assert found is not None
    assert found.facts["settings"] == {
        "normalizer": [[None], []],
        "normalizer.type": [[], ["NFC"]],
        "pre_tokenizer.add_prefix_space": [[False], [True]],
    }
    found = edited(tmp_path / "x", "tokenizer_config.json", lambda x: x.update(pad_token="p"))
    assert found is not None
    assert clauses(found)[0] == "1 setting changed: pad_token"


def test_a_chat_template_line_by_line(tmp_path: Path):
    one, other = prepared(tmp_path / "a"), prepared(tmp_path / "b")
    for side, line in (("a", "{{ x }}"), ("b", "{{ y }}")):
        file = tmp_path / side / "data/prepared/tokenizer/chat_template.jinja"
        file.write_text(f"{{% for m in messages %}}\n{line}\n{{% endfor %}}\n")
    found = compare(one, other)
    assert found is not None
    assert clauses(found)[0] == "the chat template changed"
    (table,) = (b for b in found.blocks if isinstance(b, Table) and b.title == "Chat template")
    tones = [(cell.text, cell.tone) for (cell,) in table.rows[1:]]
    assert tones == [
        (" {% for m in messages %}", ""),
        ("-{{ x }}", "removed"),
        ("+{{ y }}", "added"),
        (" {% endfor %}", ""),
    ]


def test_the_two_ways_to_write_merges_are_one(tmp_path: Path):
    def joined(content: dict) -> None:
        merges = content["model"]["merges"]
        content["model"]["merges"] = [m if isinstance(m, str) else " ".join(m) for m in merges]

    assert edited(tmp_path, "tokenizer.json", joined) is Alike.EQUAL


def test_a_folder_with_a_model_and_one_without(tmp_path: Path):
    prepared(tmp_path / "a")
    prepared(tmp_path / "b", 301)
    sides = [Folder(tmp_path / side / "data/prepared/tokenizer") for side in "ab"]
    found = compare(*sides)
    assert found is not None
    assert clauses(found) == ("1 merge is new", "1 vocabulary entry is new")
    (tmp_path / "none").mkdir()
    none = Folder(tmp_path / "none")
    found = compare(sides[0], none)
    assert found is not None
    assert found.words == (f"{none.name} has no tokenizer.",)
    assert compare(none, none) is Alike.ABSENT


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"{", "tokenizer.json of the working tree is no JSON"),
        (b"[]", "tokenizer.json of the working tree holds no JSON object"),
        (b"\xff", "tokenizer.json of the working tree is no text"),
        (b"{}", "tokenizer.json of the working tree is no tokenizer: KeyError"),
        (b'{"model": {"merges": ["a"]}}', "tokenizer.json of the working tree is no tokenizer"),
    ],
)
def test_a_torn_file_is_one_clear_line(tmp_path: Path, content: bytes, reason: str):
    one, other = prepared(tmp_path / "a"), prepared(tmp_path / "b")
    (tmp_path / "b/data/prepared/tokenizer/tokenizer.json").write_bytes(content)
    with pytest.raises(DataError) as caught:
        compare(one, other)
    assert caught.value.message.startswith(reason)


def test_a_torn_manifest(tmp_path: Path):
    one, other = prepared(tmp_path / "a"), prepared(tmp_path / "b", 301)
    (tmp_path / "b/data/prepared/manifest.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match=r"manifest.parquet of the working tree cannot be read"):
        compare(one, other)


def test_entries_stand_for_bytes():
    from stemma.versions.differences.tokenizer.byte_level import bytes_of, shown

    characters = [chr(number) for number in range(0x144)]
    found = np.sort([value[0] for c in characters if (value := bytes_of(c))])
    assert found.tolist() == list(range(256))
    assert (bytes_of("Ġthe"), shown("ĠlÃł"), bytes_of("日")) == (b" the", "␣là", None)
