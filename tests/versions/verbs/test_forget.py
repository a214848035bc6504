"""Revoking a record of a known history: the list, what is tainted, and what is not."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from history import History, json_bytes
from prepared import manifest, row

from stemma.cli import main
from stemma.errors import DataError
from stemma.store.errors import ProjectError
from stemma.versions.verbs.forget import forget

SECRET = " ".join(f"secret{number}" for number in range(100))
SHA256 = hashlib.sha256(SECRET.encode()).hexdigest()
LIST = "data/revoked.jsonl"


def version(history: History, *rows: dict[str, Any], weights: bytes, base: str = "") -> str:
    kind = {"kind": "path", "origin": "stemma://x", "version": base} if base else {"kind": None}
    return history.commit(
        {
            "data/prepared": {"manifest.parquet": manifest([row("doc", "a text"), *rows])},
            "models/base": {"base.json": json_bytes(kind)},
            "models/trained": {"model.safetensors": weights},
        }
    )


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History(tmp_path / "project")


@pytest.fixture
def printed(history: History, monkeypatch: pytest.MonkeyPatch):
    def run(*words: str) -> str:
        monkeypatch.chdir(history.root)
        done = CliRunner().invoke(main, words)
        assert done.exit_code == 0, done.output
        return done.stdout

    return run


def lines(history: History) -> list[dict[str, str]]:
    return [json.loads(line) for line in (history.root / LIST).read_text().splitlines()]


def test_a_record_is_listed_with_every_text_that_it_had(history: History):
    version(history, row("secret", SECRET), weights=b"1")
    version(history, row("secret", "another text"), weights=b"2")
    added = forget("secret", why="asked by\n its author", root=history.root).revoked
    assert {entry.sha256 for entry in added} == {
        SHA256,
        hashlib.sha256(b"another text").hexdigest(),
    }
    assert [line["id"] for line in lines(history)] == ["secret", "secret"]
    assert {line["why"] for line in lines(history)} == {"asked by its author"}


def test_what_is_listed_already_is_not_listed_again(history: History):
    version(history, row("secret", SECRET), weights=b"1")
    forget("secret", why="asked", root=history.root)
    before = (history.root / LIST).read_bytes()
    assert forget("secret", why="asked again", root=history.root).revoked == ()
    assert (history.root / LIST).read_bytes() == before
    forget("doc", why="too", root=history.root)
    assert [line["id"] for line in lines(history)] == ["secret", "doc"]


def test_versions_that_hold_it_and_their_heirs_are_tainted(history: History):
    version(history, weights=b"0")
    held = version(history, row("secret", SECRET), weights=b"1")
    copied = version(history, row("copy", SECRET, split="test"), weights=b"2")
    heir = version(history, weights=b"3", base=held)
    done = forget("secret", why="asked", root=history.root)
    assert {one.commit: one.splits for one in done.tainted} == {
        heir: (),
        copied: ("test",),
        held: ("train",),
    }


def test_a_version_that_dropped_it_is_clean(history: History):
    version(history, row("secret", SECRET, reason="revoked: asked"), weights=b"1")
    assert forget("secret", why="asked", root=history.root).tainted == ()


def test_what_is_nearly_the_same_is_named_and_not_revoked(history: History):
    version(history, row("secret", SECRET), row("near", f"{SECRET} more"), weights=b"1")
    done = forget("secret", why="asked", root=history.root)
    (near,) = done.similar
    assert near.id == "near" and [entry.id for entry in done.revoked] == ["secret"]
    assert forget("near", why="too", root=history.root).similar == ()


def test_a_record_of_the_working_tree(history: History):
    version(history, weights=b"1")
    folder = history.root / "data/prepared"
    folder.mkdir(parents=True)
    (folder / "manifest.parquet").write_bytes(manifest([row("new", "not committed")]))
    assert [entry.id for entry in forget("new", why="asked", root=history.root).revoked] == ["new"]


def test_an_unknown_id_writes_nothing(history: History):
    version(history, row("secret", SECRET), weights=b"1")
    with pytest.raises(ProjectError, match="no version has a document with the id 'nobody'"):
        forget("secret", "nobody", why="asked", root=history.root)
    assert not (history.root / LIST).exists()


def test_there_must_be_a_reason(history: History):
    with pytest.raises(ProjectError, match="revoked for a reason"):
        forget("secret", why=" ", root=history.root)


def test_a_torn_list_is_named(history: History):
    version(history, row("secret", SECRET), weights=b"1")
    (history.root / LIST).parent.mkdir()
    (history.root / LIST).write_text("{")
    with pytest.raises(DataError, match=r"data/revoked.jsonl, line 1 cannot be read"):
        forget("secret", why="asked", root=history.root)


def test_what_is_printed(history: History, printed):
    held = version(history, row("secret", SECRET), weights=b"1")
    told = printed("forget", "secret", "--why", "asked")
    assert "revoked: secret" in told and held[:7] in told and "secret in train" in told
    told = printed("forget", "secret", "--why", "asked")
    assert "already in data/revoked.jsonl; nothing is written" in told and held[:7] in told
    (history.root / LIST).unlink()
    facts = json.loads(printed("forget", "secret", "--why", "asked", "--json"))
    assert facts["revoked"] == [{"id": "secret", "sha256": SHA256, "why": "asked"}]
    assert facts["tainted"] == [
        {
            "commit": held,
            "refs": ["main"],
            "splits": ["train"],
            "ids": ["secret"],
            "through": [],
            "unknown": None,
        }
    ]


def test_the_command(history: History, monkeypatch: pytest.MonkeyPatch):
    version(history, row("secret", SECRET), weights=b"1")
    monkeypatch.chdir(history.root)
    done = CliRunner().invoke(main, ["forget", "secret", "--why", "asked", "--json"])
    assert done.exit_code == 0 and json.loads(done.stdout)["revoked"][0]["sha256"] == SHA256
    done = CliRunner().invoke(main, ["forget", "nobody", "--why", "asked"])
    assert done.exit_code == 1 and done.stderr.count("\n") == 1
