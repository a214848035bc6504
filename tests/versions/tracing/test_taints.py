"""Which versions of a history made by hand are tainted, and why."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from history import History, json_bytes
from prepared import manifest, row

from stemma.errors import DataError
from stemma.store.errors import ProjectError
from stemma.versions.history.records import records
from stemma.versions.tracing.descendants import Trace, whole_history
from stemma.versions.tracing.taints import taints, why_tainted


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History(tmp_path / "project")


def version(history: History, *rows: dict[str, Any], weights: bytes, base: str = "") -> str:
    kind = {"kind": "path", "origin": "stemma://x", "version": base} if base else {"kind": None}
    return history.commit(
        {
            "data/prepared": {"manifest.parquet": manifest([row("doc", "a text"), *rows])},
            "models/base": {"base.json": json_bytes(kind)},
            "models/trained": {"model.safetensors": weights},
        }
    )


def revoke(history: History, *texts: tuple[str, str]) -> None:
    lines = [
        {"id": name, "sha256": hashlib.sha256(text.encode()).hexdigest(), "why": "asked"}
        for name, text in texts
    ]
    path = history.root / "data/revoked.jsonl"
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))


def tainted(history: History) -> dict[str, Trace]:
    return taints(records(["--all"], history.root), history.root)


def test_nothing_is_tainted_before_something_is_revoked(history: History):
    version(history, row("secret", "words"), weights=b"1")
    assert tainted(history) == {}
    revoke(history, ("other", "others"))
    assert tainted(history) == {}


def test_by_id_by_text_and_through_the_base(history: History):
    version(history, weights=b"0")
    by_id = version(history, row("secret", "later words"), weights=b"1")
    by_text = version(history, row("copy", "words", split="test"), weights=b"2")
    heir = version(history, weights=b"3", base=by_id)
    version(history, weights=b"4", base=by_text)
    version(history, row("secret", "words", reason="revoked: asked"), weights=b"5")
    revoke(history, ("secret", "words"))
    found = tainted(history)
    assert {commit: why_tainted(one) for commit, one in found.items()} == {
        heir: f"its base descends from {by_id[:7]}",
        by_text: "copy in test",
        by_id: "secret in train",
    }, "weights know nothing of the test split, and nothing of what was dropped"
    assert list(found) == [heir, by_text, by_id], "newest first"


def test_a_version_whose_manifest_is_gone_may_be_tainted(history: History):
    commit = version(history, row("secret", "words"), weights=b"1")
    md5 = hashlib.md5(manifest([row("doc", "a text"), row("secret", "words")])).hexdigest()
    history.object(md5).unlink()
    revoke(history, ("secret", "words"))
    (one,) = tainted(history).values()
    assert one.commit == commit and not one.matches
    assert why_tainted(one).startswith("not known: data/prepared/manifest.parquet of ")


def test_what_taints_is_told_in_one_line(history: History):
    held = version(history, row("secret", "words"), weights=b"1")
    version(history, row("a", "b"), row("copy", "words"), weights=b"2", base=held)
    revoke(history, ("secret", "words"), ("a", "b"))
    newest, _ = tainted(history).values()
    assert sorted(why_tainted(newest).split("; ")) == [
        "a in train",
        "copy in train",
        f"its base descends from {held[:7]}",
    ]


def test_a_torn_list_is_refused(history: History):
    version(history, weights=b"1")
    revoke(history)
    (history.root / "data/revoked.jsonl").write_text("{")
    with pytest.raises(DataError, match=r"data/revoked.jsonl, line 1 cannot be read"):
        tainted(history)


def test_a_shallow_clone_has_no_whole_history(history: History, tmp_path: Path):
    for weights in (b"1", b"2"):
        version(history, weights=weights)
    assert len(whole_history(history.root)) == 2
    history.git("clone", "-q", "--depth", "1", f"file://{history.root}", str(tmp_path / "shallow"))
    with pytest.raises(ProjectError, match=r"this clone is shallow.*git fetch --unshallow"):
        whole_history(tmp_path / "shallow")
