import json
from pathlib import Path

import numpy as np
import pytest
from measured import classes, texts, version, without
from project import Project
from tokenizers import Tokenizer, models, pre_tokenizers

from stemma.corpus.packing import TokenWriter
from stemma.pages.blocks import Cell, SideBySide, Table, Text
from stemma.store.errors import ProjectError
from stemma.store.version import Commit, Tree, Version
from stemma.versions.differences.behaviour import compare
from stemma.versions.differences.section import Alike, Section


def found(a: Version, b: Version) -> Section:
    section = compare(a, b)
    assert section
    json.dumps(section.facts, allow_nan=False)
    return section


def changed(columns: dict, **bits: float) -> dict:
    """Change the losses of documents, in bits per byte."""
    loss = np.array(columns["loss"])
    for name, change in bits.items():
        row = columns["id"].index(name.replace("_", "-"))
        loss[row] += change * np.log(2) * columns["bytes"][row]
    return {**columns, "loss": loss}


def prepare(folder: Path, documents: list[str]) -> None:
    """Lay out a test split of these documents, word by word."""
    prepared = folder / "data/prepared"
    (prepared / "tokenizer").mkdir(parents=True)
    words = sorted({word for text in documents for word in text.split()})
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, words[0]))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(prepared / "tokenizer/tokenizer.json"))
    with TokenWriter(prepared, "test", len(words) + 1, len(words)) as writer:
        writer.append([np.array(tokenizer.encode(text).ids) for text in documents])


def test_who_fares_worse_and_better_most(tmp_path: Path) -> None:
    a = texts(20)
    b = changed(a, doc_003=0.5, doc_007=0.25, doc_011=-0.125)
    section = found(version(tmp_path / "a", a), version(tmp_path / "b", b))
    assert section.words == (
        "1 of 20 documents fare better and 2 worse; "
        "most changed is doc-003 (+0.5000 bits per byte).",
    )
    facts = section.facts["documents"]
    assert [row["id"] for row in facts["most_worse"]] == ["doc-003", "doc-007"]
    assert [row["id"] for row in facts["most_better"]] == ["doc-011"]
    assert (facts["better"], facts["worse"], facts["same"]) == (1, 2, 17)
    worse, better = (block for block in section.blocks if isinstance(block, Table))
    assert worse.title == "Fare worse, bits per byte"
    assert [(row[0], row[3]) for row in worse.rows] == [
        ("doc-003", Cell("+0.5000", "worse")),
        ("doc-007", Cell("+0.2500", "worse")),
    ]
    assert better.rows[0][3] == Cell("−0.1250", "better")


def test_no_more_than_five_each_way(tmp_path: Path) -> None:
    section = found(version(tmp_path / "a", texts()), version(tmp_path / "b", texts(seed=1)))
    facts = section.facts["documents"]
    assert len(facts["most_worse"]) == len(facts["most_better"]) == 5
    changes = [row["b"] - row["a"] for row in facts["most_worse"]]
    assert changes == sorted(changes, reverse=True)


def test_documents_are_shown_as_they_begin(tmp_path: Path) -> None:
    documents = [f"document {index} speaks of " + "love " * 200 for index in range(20)]
    # The second version was not measured on all that the first was: its rows are its own.
    a = texts(20)
    b = without(changed(a, doc_003=0.5), 0)
    b["id"] = list(b["id"])
    prepare(tmp_path / "b", documents[1:])
    section = found(version(tmp_path / "a", a), version(tmp_path / "b", b))
    (row,) = section.facts["documents"]["most_worse"]
    assert row["begins"].startswith("document 3 speaks of love love")
    (table,) = (block for block in section.blocks if isinstance(block, Table))
    assert str(table.rows[0][4]).startswith("document 3 speaks of love")
    assert len(str(table.rows[0][4])) == 160


def test_a_split_of_other_documents_is_not_taken_for_theirs(tmp_path: Path) -> None:
    a = texts(20)
    prepare(tmp_path / "b", ["only one document"])
    b = version(tmp_path / "b", changed(a, doc_003=0.5))
    section = found(version(tmp_path / "a", a), b)
    assert section.facts["documents"]["most_worse"][0]["begins"] is None


@pytest.mark.parametrize(
    "file", ["test.tokens.npy", "test.offsets.npy", "tokenizer/tokenizer.json"]
)
def test_a_torn_test_split_names_itself(tmp_path: Path, file: str) -> None:
    a = texts(20)
    prepare(tmp_path / "b", [f"document {index}" for index in range(20)])
    (tmp_path / "b/data/prepared" / file).write_bytes(b"{")
    b = version(tmp_path / "b", changed(a, doc_003=0.5))
    with pytest.raises(ProjectError, match="the test split in data/prepared of b is torn"):
        compare(version(tmp_path / "a", a), b)


def test_missing_texts_are_missed(tmp_path: Path) -> None:
    project = Project(tmp_path / "b")
    a = texts(20)
    version(project.path, changed(a, doc_003=0.5))
    (project.path / "dvc.lock").write_text(
        "stages: {prepare: {cmd: x, outs: [{path: data/prepared, md5: 0f00.dir}]}}"
    )
    project.run("git init -q")
    project.run("dvc init -q")
    commit = Commit("v2", project.commit("v2"), project.path)
    section = found(version(tmp_path / "a", a), commit)
    assert "Without their texts: data/prepared of v2 is not in the cache" in "".join(
        block.text for block in section.blocks if isinstance(block, Text)
    )
    assert section.facts["documents"]["most_worse"][0]["id"] == "doc-003"


def test_what_a_classifier_says_now(tmp_path: Path) -> None:
    a, b = classes(8, wrong=[]), classes(8, wrong=[2])
    section = found(version(tmp_path / "a", a), version(tmp_path / "b", b))
    (row,) = section.facts["documents"]["most_worse"]
    assert row["predicted"] == ["love", "war"]
    assert section.facts["documents"]["unit"] == "nats"
    (sides,) = (block for block in section.blocks if isinstance(block, SideBySide))
    assert sides.left == (Cell("love", "removed"),)
    assert sides.right == (Cell("war", "added"),)


SAMPLES = [("The king", "The king is dead."), ("A ```fence", "A ```fence\n```\n## no heading")]


def test_the_same_prompts_side_by_side(tmp_path: Path) -> None:
    a = version(tmp_path / "a", texts(), samples=[*SAMPLES, ("Old", "Old king")])
    b = version(
        tmp_path / "b", texts(), samples=[("The king", "The king is not dead."), SAMPLES[1]]
    )
    section = found(a, b)
    assert section.words == ("1 of 2 prompts are answered differently.",)
    assert section.facts["prompts"] == {
        "same": 1,
        "different": [
            {"prompt": "The king", "a": "The king is dead.", "b": "The king is not dead."}
        ],
        "only_a": ["Old"],
        "only_b": [],
    }
    sides, text = section.blocks
    assert isinstance(sides, SideBySide)
    assert sides.names == ("a", "b")
    assert sides.left == (Cell("The king is dead."),)
    assert sides.right == (Cell("The king is "), Cell("not ", "added"), Cell("dead."))
    assert text == Text("Only a was asked: Old")


def test_nothing_to_say(tmp_path: Path) -> None:
    a = version(tmp_path / "a", texts(), samples=SAMPLES)
    b = version(tmp_path / "b", texts(), samples=SAMPLES)
    assert compare(a, b) is Alike.EQUAL
    assert compare(Tree(tmp_path / "nowhere"), b) is Alike.ABSENT


def test_losses_of_two_tasks_are_not_set_against_each_other(tmp_path: Path) -> None:
    a = version(tmp_path / "a", texts(), evaluate={"task": {"name": "causal_lm"}})
    b = version(tmp_path / "b", texts(seed=1), evaluate={"task": {"name": "masked_lm"}})
    assert compare(a, b) is Alike.ABSENT
