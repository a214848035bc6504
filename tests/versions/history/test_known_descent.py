"""A known history: which versions a record went into, what descends from those, and the tree."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import known
import pytest
from click.testing import CliRunner
from project import Project

from stemma.cli import main
from stemma.store.naming import resolve
from stemma.versions.verbs.forget import forget
from stemma.versions.verbs.trace import trace

SCENE = "hamlet/act-1/scene-2"
"""A document of ``start``, in train, and of no later version."""
LATER = {"rewritten", "document", "rate", "tried", "merged", "deeper", "merge", "layer", "package",
         "gone", "tuned", "retuned"}  # fmt: skip


def by_tag(traces: Iterable[Any]) -> dict[str, Any]:
    tags = {"start", *LATER}
    return {ref: one for one in traces for ref in one.refs if ref in tags}


def test_a_fine_tune_of_a_fine_tune_descends_from_what_the_first_was_trained_on(history: Path):
    found = by_tag(trace(id=SCENE, root=history))
    assert set(found) == {"start", "tuned", "retuned"}
    assert {tag: one.splits for tag, one in found.items()} == {
        "start": ("train",),
        "tuned": (),
        "retuned": (),
    }
    assert found["start"].through == ()
    start = found["start"].commit
    assert found["tuned"].through == found["retuned"].through == (start,)
    assert not any(one.unknown for one in found.values())


def test_a_changed_document_is_one_text_before_and_another_after(history: Path):
    after = known.read(history / known.PIECES)[known.CHANGED]
    before = after.replace(*reversed(known.SWAP))
    old = {"rewritten", "rate", "tried", "tuned", "retuned"}
    for text, versions in ((before, old), (after, LATER - old)):
        found = by_tag(trace(text=text, root=history))
        assert {tag for tag, one in found.items() if one.matches[0].how == "text"} == versions
        assert {tag for tag, one in found.items() if one.matches[0].how == "similar"} == (
            LATER - versions
        )
        assert {one.splits for one in found.values()} == {("train",)}
    assert set(by_tag(trace(id=known.CHANGED, root=history))) == LATER


def test_forgetting_a_record_taints_what_descends_from_it(copied: Project):
    done = forget(SCENE, why="asked by its author", root=copied.path)
    assert set(by_tag(done.tainted)) == {"start", "tuned", "retuned"}
    listed = (copied.path / "data/revoked.jsonl").read_text().splitlines()
    assert [json.loads(line)["id"] for line in listed] == [SCENE]


def test_the_log_is_the_tree(history: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(history)
    told = CliRunner().invoke(main, ["log", "--all", "--experiments", "--json"])
    lines = {ref: line for line in json.loads(told.stdout) for ref in line["refs"]}
    parents = {
        "rewritten": ["start"], "document": ["rewritten"], "rate": ["rewritten"],
        "tried": ["rewritten"], "merged": ["document", "rate"], "deeper": ["merged"],
        "merge": ["deeper"], "layer": ["merge"], "package": ["layer"], "gone": ["layer"],
        "tuned": ["rewritten"], "retuned": ["tuned"],
    }  # fmt: skip
    assert lines.keys() >= {"start", *parents}
    for tag, names in parents.items():
        assert lines[tag]["parents"] == [resolve(name, history).commit for name in names], tag
    drawn = CliRunner().invoke(main, ["log", "--all"]).stdout.splitlines()
    (merge,) = (row for row, line in enumerate(drawn) if "merged is what changed" in line)
    assert drawn[merge + 1].startswith("|\\")
