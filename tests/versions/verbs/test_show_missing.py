"""Pages on versions of which something is lost or torn, and what is no version at all."""

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner
from history import History, json_bytes
from prepared import SOURCE
from shown import facts, page, words, write

from stemma.cli import main
from stemma.errors import DataError
from stemma.store.errors import ProjectError

METRICS = {"documents": 1, "tokens": 9, "loss": 2.0, "loss_low": 1.5, "loss_high": 2.5}


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History(tmp_path / "project")


def test_bytes_that_are_nowhere_are_missing_and_the_rest_is_told(
    history: History, capsys: pytest.CaptureFixture[str]
):
    write(history, "reports/metrics.json", METRICS)
    history.commit({"data/raw": {"sources.json": json_bytes({"sources": [SOURCE]})}})
    shutil.rmtree(history.root / ".dvc/cache")
    found = facts(history)
    assert list(found["missing"]) == ["data/raw/sources.json"]
    told = words(page(found, capsys))
    assert "data data/raw: its bytes are missing" in told
    assert "missing data/raw of HEAD is not in the cache, and there is no default remote" in told
    assert "loss, nats 2.0000 1.5000 to 2.5000" in told
    assert told.endswith("nowhere")


def test_what_the_cache_lacks_is_fetched_from_the_default_remote(history: History):
    history.commit({"data/raw": {"sources.json": json_bytes({"sources": [SOURCE]})}})
    (history.root / ".dvc/cache").rename(history.root.with_name("store"))
    remote = "['remote \"store\"']\n    url = ../../store\n[core]\n    remote = store\n"
    (history.root / ".dvc/config").write_text(remote)
    found = facts(history)
    assert found["data"]["sources"] == [SOURCE] and found["missing"] == {}
    (out,) = found["stages"][0]["makes"]
    assert out["whole"] == ["cache", "store"]


def test_a_listing_that_is_torn(history: History):
    history.commit({"data/raw": {"sources.json": json_bytes({"sources": [SOURCE]})}})
    (listing,) = (history.root / ".dvc/cache").rglob("*.dir")
    listing.write_bytes(b"[{")
    found = facts(history)
    assert "the listing of data/raw of HEAD in the cache is torn" in str(found["missing"])
    assert found["stages"][0]["makes"][0]["whole"] == []


def run(history: History, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> tuple[int, str]:
    monkeypatch.chdir(history.root)
    done = CliRunner().invoke(main, ["show", *arguments])
    return done.exit_code, done.stderr


def test_errors_are_one_line(history: History, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    history.git("commit", "-q", "--allow-empty", "-m", "Nothing")
    code, told = run(history, monkeypatch, "HEAD")
    assert (
        code == 1 and told == "stemma: HEAD has no dvc.lock (it is no version; see `stemma log`)\n"
    )
    code, told = run(history, monkeypatch, "absent")
    assert code == 1 and "'absent' is no commit, experiment or folder" in told
    assert told.count("\n") == 1
    (history.root / "folder").mkdir()
    (history.root / "folder/config.json").write_text("{}")
    code, told = run(history, monkeypatch, "folder")
    assert code == 1 and told.startswith("stemma: folder is a model and no version")
    code, told = run(history, monkeypatch)
    assert code == 1 and "the working tree has no dvc.lock (build it with `dvc repro`)" in told
    shutil.rmtree(history.root / ".git")
    code, told = run(history, monkeypatch, "HEAD")
    assert code == 1 and "is no Git repository" in told and told.count("\n") == 1


@pytest.mark.parametrize(
    "path, content, expected",
    [
        ("reports/metrics.json", "{", "reports/metrics.json of HEAD is torn"),
        ("reports/formats.json", "[]", "reports/formats.json of HEAD holds no JSON object"),
        ("environment.lock", "torch=2", "environment.lock of HEAD cannot be read"),
    ],
)
def test_a_file_that_git_keeps_is_torn(history: History, path: str, content: str, expected: str):
    write(history, path, content)
    history.commit({"models/trained": {"model.safetensors": b"1"}})
    with pytest.raises(ProjectError, match=expected):
        facts(history)


@pytest.mark.parametrize("content", ["a: [", "- a"])
def test_settings_that_cannot_be_read(history: History, content: str):
    history.commit({"models/trained": {"model.safetensors": b"1"}}, settings=content)
    with pytest.raises(ProjectError, match=r"params.yaml of HEAD cannot be read"):
        facts(history)


def test_a_report_of_dvc_is_torn(history: History):
    history.commit({"data/prepared": {"data_report.json": b"{"}})
    with pytest.raises(ProjectError, match=r"data/prepared/data_report.json of HEAD is torn"):
        facts(history)


def test_a_list_of_revoked_records_that_is_torn(history: History):
    history.commit({"models/trained": {"model.safetensors": b"1"}})
    write(history, "data/revoked.jsonl", "{\n")
    with pytest.raises(DataError, match=r"revoked.jsonl, line 1 cannot be read"):
        facts(history)
