"""What `stemma log` says of histories of which that is known."""

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from history import json_bytes
from measured import classes, texts
from measured_history import MeasuredHistory
from prepared import manifest, row
from project import environment

from stemma.cli import main
from stemma.modeling.bases.writing import RECORD
from stemma.store import refs
from stemma.store.errors import ProjectError
from stemma.versions.verbs.forget import forget
from stemma.versions.verbs.log import log

BASED = "model:\n  base:\n    kind: path\n    path: {path}\n"


@pytest.fixture
def history(tmp_path: Path) -> MeasuredHistory:
    return MeasuredHistory(tmp_path / "project")


@pytest.fixture
def told(history: MeasuredHistory):
    def tell(*words: str) -> list[dict[str, Any]]:
        return json.loads(json.dumps(log(*words, root=history.root).facts()))

    return tell


@pytest.fixture
def lines(history: MeasuredHistory, monkeypatch: pytest.MonkeyPatch):
    def draw() -> list[str]:
        monkeypatch.chdir(history.root)
        done = CliRunner().invoke(main, ["log"])
        assert done.exit_code == 0, done.output
        return done.stdout.splitlines()

    return draw


def test_a_line_for_each_version_and_none_for_other_commits(history: MeasuredHistory, told):
    commits = [history.version(texts(seed=seed)) for seed in range(3)]
    (history.root / "notes").write_text("x")
    history.git("add", "notes")
    history.git("commit", "-qm", "notes")
    found = told()
    assert [one["commit"] for one in found] == commits[::-1]
    assert [one["parents"] for one in found] == [[commits[1]], [commits[0]], []]
    assert found[0]["refs"] == ["main"], "of a later commit with the same dvc.lock"


def test_a_change_is_coloured_where_it_is_significant(history: MeasuredHistory, told):
    for seed, effect in ((0, 0), (1, 0), (2, 0.05), (3, 0)):
        history.version(texts(seed=seed, effect=effect))
    found = told()[::-1]
    assert [one["significant"] for one in found] == [None, None, "worse", "better"]
    assert {one["metric"] for one in found} == {"bits_per_byte"}
    assert found[0]["difference"] is None and abs(found[2]["difference"] - 0.05) < 0.02


def test_a_range_tells_of_each_version_what_the_whole_tells(history: MeasuredHistory, told):
    for seed, effect in ((0, 0), (1, 0), (2, 0.05), (3, 0)):
        history.version(texts(seed=seed, effect=effect))
    (history.root / "notes").write_text("x")
    history.git("add", "notes")
    history.git("commit", "-qm", "notes")
    history.version(texts(seed=4))
    whole = told()
    assert told("HEAD~1..") == whole[:1], "its parent stands before a commit that is no version"
    assert told("HEAD~4..HEAD~1") == told("^HEAD~4", "HEAD~1") == whole[1:3]
    assert whole[2]["significant"] == "worse"


def test_an_experiment_by_its_name(history: MeasuredHistory, told):
    base = history.version(texts())
    tried = history.version(texts(seed=1))
    history.git("update-ref", f"refs/exps/{base[:2]}/{base[2:]}/puffy-gobi", tried)
    history.git("reset", "-q", "--hard", base)
    assert [one["commit"] for one in told("puffy-gobi")] == [tried, base]
    assert [one["commit"] for one in told("HEAD..puffy-gobi")] == [tried]
    assert [one["commit"] for one in told("^HEAD", "puffy-gobi")] == [tried]
    assert refs.commit_of("puffy-gobi", history.root) == tried, "as verify takes it"


def test_what_was_tested_once_is_not_tested_again(history: MeasuredHistory, told):
    for seed, effect in ((0, 0), (1, 0), (2, 0.05)):
        history.version(texts(seed=seed, effect=effect))
    found = told()
    (kept,) = (history.root / ".dvc/tmp").glob("stemma-jackknife.json")
    memory = json.loads(kept.read_text())
    known = memory["tests"]
    assert sorted(known.values()) == [False, True]
    # Whoever says so is believed: it was read, and the tables were not.
    believed = {"by": memory["by"], "tests": dict.fromkeys(known, True)}
    kept.write_text(json.dumps(believed))
    assert [one["significant"] is None for one in told()] == [False, False, True]
    # But not what other code found, at another level say.
    kept.write_text(json.dumps(believed | {"by": "another code"}))
    assert told() == found
    for torn in ("{", "[]", json.dumps(memory | {"tests": []})):
        kept.write_text(torn)
        assert told() == found
    kept.unlink()
    kept.mkdir()
    assert told() == found, "it cannot be written"


def test_metrics_without_examples_or_of_another_task_are_not_judged(history: MeasuredHistory, told):
    history.version(texts())
    history.version(None, {"bits_per_byte": 9.0})
    history.version(classes(40, [1]))
    history.version(None)
    found = told()
    assert [one["significant"] for one in found] == [None] * 4
    assert [one["metric"] for one in found] == ["", "loss", "bits_per_byte", "bits_per_byte"]


def test_what_changed(history: MeasuredHistory, told, lines):
    history.commit({"data/raw": {"a": b"1"}}, "train:\n  rate: 1\n  steps: 5\nlist:\n- a\n- b\n")
    history.commit({"data/raw": {"a": b"2"}}, "train:\n  rate: 2\n  steps: 5\nlist:\n- a\n- b\n")
    history.commit(
        {"data/raw": {"a": b"2"}, "x": {"y": b""}}, "train:\n  rate: 2\n  steps: 5\nlist:\n- c\n"
    )
    found = told()[::-1]
    assert found[1]["changed"] == {"data": ["data/raw"], "settings": ["train.rate"]}
    assert found[2]["changed"] == {"settings": ["list"]}
    assert "[list]" in lines()[0]
    assert [one["commit"] for one in told("data/raw")] == [one["commit"] for one in found[1::-1]]


def test_a_lock_that_another_tool_wrote_reads_the_same(history: MeasuredHistory, told):
    history.commit({"data/raw": {"a": b"1"}, "models/trained": {"b": b"22"}})
    lock = history.root / "dvc.lock"
    content = yaml.safe_load(lock.read_text())
    content["stages"]["made"]["outs"].reverse()
    lock.write_text(yaml.safe_dump(content, indent=4, sort_keys=True))
    history.git("commit", "-qam", "written anew")
    assert told()[0]["bytes_added"] == 0 and told()[0]["changed"] == {}


def test_merges_are_drawn(history: MeasuredHistory, told, lines):
    first = history.version(texts())
    history.branch("side", first)
    side = history.version(texts(seed=1))
    history.git("checkout", "-q", "main")
    ours = history.version(texts(seed=2))
    merge = history.merge("side", texts(seed=3))
    assert told()[0]["parents"] == [ours, side]
    drawn = lines()
    assert merge[:7] in drawn[0]
    assert any(line.startswith(f"| * {side[:7]}") for line in drawn)
    assert drawn[-1].startswith(f"* {first[:7]}")


def test_tags_stand_before_branches(history: MeasuredHistory, told, lines):
    history.version(texts())
    for tag in ("model@v1.2.0", "model#prod#3"):
        history.git("tag", tag)
    for branch in ("a", "b", "c"):
        history.git("branch", branch)
    assert told()[0]["refs"] == ["model@v1.2.0", "a", "b", "c", "main"]
    assert "(model@v1.2.0, a, b, +2)" in lines()[0]
    # A tag that says where a version stands is no name of it.
    assert told()[0]["stages"] == ["#prod"] and " #prod " in lines()[0]


class TestBytes:
    def test_files_that_the_parent_has_are_not_counted(self, history: MeasuredHistory, told, lines):
        shared = {"tokenizer.json": b"t" * 5000, "config.json": b"{}"}
        history.commit({"models/trained": {**shared, "model": b"1" * 100}})
        history.commit({"models/trained": {**shared, "model": b"2" * 300}})
        found = told()
        assert [(one["bytes_added"], one["bytes_added_exact"]) for one in found] == [
            (300, True),
            (5102, True),
        ]
        assert "+300 bytes" in lines()[0]

    def test_a_file_in_two_outputs_is_stored_once(self, history: MeasuredHistory, told):
        files = {"model": b"1" * 100}
        history.commit({"models/trained": files, "models/exported": {**files, "card": b"c" * 9}})
        assert told()[0]["bytes_added"] == 109

    def test_a_merge_adds_what_no_parent_has(self, history: MeasuredHistory, told):
        first = history.commit({"models/trained": {"a": b"1"}})
        history.branch("side", first)
        history.commit({"models/trained": {"a": b"2" * 50}})
        history.git("checkout", "-q", "main")
        history.commit({"models/trained": {"a": b"3"}})
        history.git("merge", "-q", "-s", "ours", "--no-commit", "side")
        history.commit({"models/trained": {"a": b"2" * 50, "b": b"4" * 7}})
        assert told()[0]["bytes_added"] == 7

    @pytest.mark.parametrize("lost", ["listing", "parent's listing", "file"])
    def test_what_the_cache_lacks_counts_as_new(
        self, history: MeasuredHistory, told, lines, lost: str
    ):
        shared = {"tokenizer.json": b"t" * 5000}
        history.commit({"models/trained": {**shared, "model": b"1" * 100}})
        before = set((history.root / ".dvc/cache").rglob("*.dir"))
        history.commit({"models/trained": {**shared, "model": b"2" * 100}})
        after = set((history.root / ".dvc/cache").rglob("*.dir")) - before
        if lost == "file":
            for path in (history.root / ".dvc/cache").rglob("*"):
                if path.is_file() and path.read_bytes() == b"2" * 100:
                    path.unlink()
        else:
            (after if lost == "listing" else before).pop().unlink()
        assert told()[0]["bytes_added_exact"] is False
        assert "≤" in lines()[0]


class TestBases:
    def test_an_earlier_version_that_base_json_names(self, history: MeasuredHistory, told, lines):
        first = history.commit({"models/exported": {"model.safetensors": b"1"}})
        history.git("tag", "v1")
        base = {RECORD: json_bytes({"origin": "stemma://v1", "version": first})}
        history.commit({"models/base": base}, BASED.format(path="stemma://v1"))
        tuned, plain = told()
        assert tuned["bases"] == [{"commit": first, "refs": ["v1"]}] and plain["bases"] == []
        assert f" <- {first[:7]} " in lines()[0]

    def test_weights_that_were_brought_as_files(self, history: MeasuredHistory, told):
        weights = {"model.safetensors": b"weights"}
        first = history.commit({"models/exported": weights})
        history.commit({"models/exported": {"model.safetensors": b"others"}})
        record = {RECORD: json_bytes({"origin": "data/input/model", "version": ""})}
        settings = BASED.format(path="data/input/model")
        history.commit({"models/base": weights | record}, settings)
        assert [one["commit"] for one in told()[0]["bases"]] == [first]

    def test_a_base_whose_bytes_are_gone_is_named_by_the_settings(
        self, history: MeasuredHistory, told
    ):
        first = history.commit({"models/exported": {"model.safetensors": b"1"}})
        history.git("tag", "v1")
        base = {RECORD: json_bytes({"origin": "stemma://v1", "version": first})}
        history.commit({"models/base": base}, BASED.format(path="stemma://v1"))
        for path in (history.root / ".dvc/cache").rglob("*.dir"):
            path.unlink()
        assert [one["commit"] for one in told()[0]["bases"]] == [first]

    def test_a_foreign_base_is_no_edge(self, history: MeasuredHistory, told):
        base = {RECORD: json_bytes({"origin": "hf://x/y", "version": "1" * 40})}
        history.commit({"models/base": base}, "model:\n  base:\n    kind: hub\n    id: x/y\n")
        assert told()[0]["bases"] == []


def test_tainted_versions_are_marked(history: MeasuredHistory, told, lines):
    held = {"data/prepared": {"manifest.parquet": manifest([row("secret", "a secret")])}}
    first = history.commit(held | {"models/trained": {"model.safetensors": b"1"}})
    clean = {"data/prepared": {"manifest.parquet": manifest([row("doc", "a text")])}}
    base = {RECORD: json_bytes({"origin": "stemma://x", "version": first})}
    tuned = history.commit(clean | {"models/base": base}, BASED.format(path="stemma://x"))
    history.commit(clean)
    assert all(one["tainted"] is None for one in told())
    forget("secret", why="asked", root=history.root)
    assert {one["commit"]: one["tainted"] for one in told() if one["tainted"]} == {
        first: "secret in train",
        tuned: f"its base descends from {first[:7]}",
    }
    assert ["tainted" in line for line in lines()] == [False, True, True]


def test_without_revoked_records_nothing_of_a_version_is_read(history: MeasuredHistory, told):
    history.commit({"data/prepared": {"manifest.parquet": b"torn"}})
    for path in (history.root / ".dvc/cache").rglob("*"):
        if path.is_file():
            path.unlink()
    assert told()[0]["tainted"] is None


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nowhere",), "'nowhere' is no revision, and no version reads or makes such a file"),
        (("HEAD~7",), "'HEAD~7' is no revision"),
        (("HEAD..HEAD", "params.yaml"), "there is no version in HEAD..HEAD"),
        (("nowhere", "HEAD"), "'nowhere' is no revision"),
        (("HEAD..HEAD",), "there is no version in HEAD..HEAD"),
    ],
)
def test_errors(history: MeasuredHistory, told, words: tuple[str, ...], said: str):
    history.version(texts())
    with pytest.raises(ProjectError, match=said):
        told(*words)


def test_a_torn_table_is_named(history: MeasuredHistory, told):
    history.version(texts())
    history.version(texts(seed=1))
    (history.root / "reports/examples.parquet").write_bytes(b"PAR1")
    (history.root / "dvc.lock").write_text((history.root / "dvc.lock").read_text() + "\n")
    (history.root / "reports/metrics.json").write_text('{"bits_per_byte": 3}')
    history.git("commit", "-qam", "torn")
    with pytest.raises(ProjectError, match=r"examples.parquet of Git object \w{10} is torn"):
        told()


def test_metrics_that_cannot_be_read_are_not_known(history: MeasuredHistory, told):
    history.version(texts())
    history.version(texts(seed=1))
    (history.root / "reports/metrics.json").write_text('{"bits_per_byte": 3')
    history.git("commit", "-qa", "--amend", "--no-edit")
    torn, sound = log(root=history.root).versions
    assert (torn.metric, torn.value, torn.difference, torn.metrics) == ("", None, None, {})
    assert sound.value is not None
    history.version(None)
    done = subprocess.run(
        [sys.executable, "-m", "stemma.cli", "log", "--json"],
        cwd=history.root, env=environment(), capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert [one["value"] for one in json.loads(done.stdout)] == [None, None, sound.value]
    name = torn.commit[:7]
    assert done.stderr == (
        f"stemma: reports/metrics.json of {name} cannot be read, so what it says is not known "
        f"(see `git show {name}:./reports/metrics.json`)\n"
    )
    (warning,) = log("HEAD~1", root=history.root).warnings
    assert done.stderr == f"stemma: {warning}\n"
    assert log("HEAD~2", root=history.root).warnings == ()


def test_in_a_terminal_no_line_is_longer_than_it_is_wide(history: MeasuredHistory):
    first = history.version(texts())
    history.git("tag", "a-rather-long-name-of-a-tag-that-fills-the-line")
    history.branch("side", first)
    history.version(texts(seed=1, effect=0.05))
    history.git("commit", "-q", "--amend", "-m", "a subject " * 20)
    history.version(texts(seed=2), settings="seed: 1\n")
    history.git("tag", "another-rather-long-name-of-a-tag-that-fills-the-line")
    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-m", "stemma.cli", "log", "--all"],
        cwd=history.root,
        env=environment() | {"COLUMNS": "80", "TERM": "xterm"},
        stdout=theirs,
    )
    os.close(theirs)
    told = b""
    while chunk := _read(ours):
        told += chunk
    assert child.wait() == 0
    shown = told.decode()
    assert "\x1b[31m+0.0" in shown, "a significant loss is red"
    plain = re.sub(r"\x1b\[[0-9;]*m", "", shown).split("\r\n")
    assert max(map(len, plain)) == 80 and plain[0].endswith("…")
    assert "[seed] (another-rather" in plain[0], "a long name hides nothing but the subject"


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    # Linux says so at the end.
    except OSError:
        return b""


def test_the_command(history: MeasuredHistory, monkeypatch: pytest.MonkeyPatch):
    commit = history.version(texts())
    monkeypatch.chdir(history.root)
    done = CliRunner().invoke(main, ["log", "--all", "--experiments", "--json"])
    assert done.exit_code == 0 and json.loads(done.stdout)[0]["commit"] == commit
    done = CliRunner().invoke(main, ["log", "nowhere", "HEAD"])
    assert done.exit_code == 1 and done.stderr.count("\n") == 1
