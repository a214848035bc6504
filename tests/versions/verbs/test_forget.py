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
from stemma.versions.history.records import records
from stemma.versions.verbs.forget import forget, taints, tell

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


def lines(history: History) -> list[dict[str, str]]:
    return [json.loads(line) for line in (history.root / LIST).read_text().splitlines()]


def test_a_record_is_listed_with_every_text_that_it_had(history: History):
    version(history, row("secret", SECRET), weights=b"1")
    version(history, row("secret", "another text"), weights=b"2")
    added = forget(["secret"], "asked by\n its author", history.root).added
    assert {entry.sha256 for entry in added} == {
        SHA256,
        hashlib.sha256(b"another text").hexdigest(),
    }
    assert [line["id"] for line in lines(history)] == ["secret", "secret"]
    assert {line["why"] for line in lines(history)} == {"asked by its author"}


def test_what_is_listed_already_is_not_listed_again(history: History):
    version(history, row("secret", SECRET), weights=b"1")
    forget(["secret"], "asked", history.root)
    before = (history.root / LIST).read_bytes()
    assert forget(["secret"], "asked again", history.root).added == ()
    assert (history.root / LIST).read_bytes() == before
    forget(["doc"], "too", history.root)
    assert [line["id"] for line in lines(history)] == ["secret", "doc"]


def test_versions_that_hold_it_and_their_heirs_are_tainted(history: History):
    version(history, weights=b"0")
    held = version(history, row("secret", SECRET), weights=b"1")
    copied = version(history, row("copy", SECRET, split="test"), weights=b"2")
    heir = version(history, weights=b"3", base=held)
    found = records(["--all"], history.root)
    assert taints(found, history.root) == {}
    done = forget(["secret"], "asked", history.root)
    assert {one.record.commit: one.splits for one in done.tainted} == {
        heir: (),
        copied: ("test",),
        held: ("train",),
    }
    assert list(taints(found, history.root)) == [one.record.commit for one in done.tainted]


def test_a_version_that_dropped_it_is_clean(history: History):
    version(history, row("secret", SECRET, reason="revoked: asked"), weights=b"1")
    assert forget(["secret"], "asked", history.root).tainted == ()


def test_what_is_nearly_the_same_is_named_and_not_revoked(history: History):
    version(history, row("secret", SECRET), row("near", f"{SECRET} more"), weights=b"1")
    done = forget(["secret"], "asked", history.root)
    (near,) = done.similar
    assert near.id == "near" and [entry.id for entry in done.added] == ["secret"]
    assert forget(["near"], "too", history.root).similar == ()


def test_a_record_of_the_working_tree(history: History):
    version(history, weights=b"1")
    folder = history.root / "data/prepared"
    folder.mkdir(parents=True)
    (folder / "manifest.parquet").write_bytes(manifest([row("new", "not committed")]))
    assert [entry.id for entry in forget(["new"], "asked", history.root).added] == ["new"]


def test_an_unknown_id_writes_nothing(history: History):
    version(history, row("secret", SECRET), weights=b"1")
    with pytest.raises(ProjectError, match="no version has a document with the id 'nobody'"):
        forget(["secret", "nobody"], "asked", history.root)
    assert not (history.root / LIST).exists()


def test_there_must_be_a_reason(history: History):
    with pytest.raises(ProjectError, match="revoked for a reason"):
        forget(["secret"], " ", history.root)


def test_a_torn_list_is_named(history: History):
    version(history, row("secret", SECRET), weights=b"1")
    (history.root / LIST).parent.mkdir()
    (history.root / LIST).write_text("{")
    with pytest.raises(DataError, match=r"data/revoked.jsonl, line 1 cannot be read"):
        forget(["secret"], "asked", history.root)


def test_what_is_told(history: History, capsys: pytest.CaptureFixture[str]):
    held = version(history, row("secret", SECRET), weights=b"1")
    done = forget(["secret"], "asked", history.root)
    tell(done, as_json=False)
    told = capsys.readouterr().out
    assert "revoked: secret" in told and held[:7] in told and "secret in train" in told
    tell(done, as_json=True)
    fact = json.loads(capsys.readouterr().out)
    assert fact["tainted"][0]["commit"] == held and fact["revoked"][0]["id"] == "secret"


def test_the_command(history: History, monkeypatch: pytest.MonkeyPatch):
    version(history, row("secret", SECRET), weights=b"1")
    monkeypatch.chdir(history.root)
    done = CliRunner().invoke(main, ["forget", "secret", "--why", "asked", "--json"])
    assert done.exit_code == 0 and json.loads(done.stdout)["revoked"][0]["sha256"] == SHA256
    done = CliRunner().invoke(main, ["forget", "nobody", "--why", "asked"])
    assert done.exit_code == 1 and done.stderr.count("\n") == 1
