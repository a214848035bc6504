"""Versions that were made on another processor, or whose parts were not made of one another."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from history import History
from project import Project
from refusing import run
from safetensors.numpy import save_file

from stemma.hashes import hashes_of, name_of
from stemma.store.lock import LockEntry, Stage
from stemma.store.objects import cache_at
from stemma.versions.verification.bounds import Bounds
from stemma.versions.verification.output_files import OutputFiles
from stemma.versions.verification.output_rows import compare_outputs
from stemma.versions.verification.rebuild import Rebuild
from stemma.versions.verification.verdict import judge

MEASURED, TRAINED = "reports/measured.json", "models/trained"
NATIVE = {"runtime.precision": "auto", "runtime.instructions": "native"}
PORTABLE = {"runtime.precision": "fp32", "runtime.instructions": "avx2", "runtime.device": "cpu"}


class Remade:
    """A version of which Git has the metrics and no place has the weights; and its rebuild."""

    def __init__(self, root: Path, told: dict | None, params: dict, loss: float = 2.001) -> None:
        self.tree, self.tracked = root / "tree", root / "tracked"
        self.own = root / "own"
        weights = self._weights()
        for side, value, precision in ((self.tracked, 2.0, "bf16"), (self.tree, loss, "fp32")):
            folder = side / "reports"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "metrics.json").write_text(json.dumps({"loss": value}))
            table = pa.table({"id": ["a", "b"], "loss": [value, value]})
            pq.write_table(table, folder / "examples.parquet")
            facts = {"training": {"precision": precision, "device": "cpu"}}
            if side == self.tree or told is not None:
                told_here = facts if side == self.tree else told
                (folder / "measured.json").write_text(json.dumps(told_here))
        reports = ("reports/metrics.json", "reports/examples.parquet", MEASURED)
        read = {"params.yaml": params}
        self.version, self.stages = {}, []
        for trained in ("0" * 32 + ".dir", weights):
            train = Stage("train", "t", (), (LockEntry(TRAINED, trained, 1),), read)
            outs = tuple(LockEntry(path, f"{trained[:5]}-{path}", 1) for path in reports)
            measure = Stage("evaluate", "e", (LockEntry(TRAINED, trained, 1),), outs, read)
            made = {"train": train, "evaluate": measure}
            self.version = self.version or made
            self.stages = [*made.values()]

    def judge(self):
        none, own = cache_at(self.tree / "none"), cache_at(self.own)
        files = OutputFiles(none, own, self.tree, self.tracked)
        result = Rebuild(self.stages, self.own, None, "", {})
        rows = compare_outputs(self.version, self.version, result, files, Bounds(0.01, 0.05))
        return judge("c" * 40, rows, self.version, result, files)

    def _weights(self) -> str:
        folder = self.tree / TRAINED
        folder.mkdir(parents=True)
        save_file({"a": np.ones(3, np.float32)}, folder / "model.safetensors")
        facts = {"runtime": {"precision": "fp32", "device": "cpu"}}
        (folder / "training.json").write_text(json.dumps(facts))
        listing = []
        for file in sorted(folder.iterdir()):
            listing.append({"md5": self._put(file.read_bytes()), "relpath": file.name})
        return self._put(json.dumps(listing).encode(), ".dir")

    def _put(self, content: bytes, suffix: str = "") -> str:
        key = hashlib.md5(content).hexdigest() + suffix
        place = self.own / "files/md5" / key[:2] / key[2:]
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        return key


def test_figures_in_git_vouch_for_weights_that_are_nowhere(tmp_path: Path):
    told = {"training": {"precision": "bf16", "device": "cpu"}}
    report = Remade(tmp_path, told, NATIVE).judge()
    statuses = {row.output: row.status for row in report.rows}
    assert statuses == {
        TRAINED: "not compared",
        "reports/metrics.json": "equivalent",
        "reports/examples.parquet": "equivalent",
        MEASURED: "follows",
    }
    assert (report.verdict, report.first) == ("equivalent", "train")
    first = report.findings[0]
    assert first.cause == "processor"
    assert "runtime.precision came to bf16 in the version and to fp32 here" in first.evidence


def test_figures_that_are_apart_vouch_for_nothing(tmp_path: Path):
    report = Remade(tmp_path, {}, NATIVE, loss=2.2).judge()
    assert {row.status for row in report.rows} == {"different"}
    assert report.verdict == "different"
    assert report.findings[0].cause == "processor"


def test_a_commit_that_does_not_tell_is_not_accused(tmp_path: Path):
    report = Remade(tmp_path, None, NATIVE).judge()
    first = report.findings[0]
    assert first.cause == "processor"
    assert "runtime.precision=auto came to fp32 here, to what in the version, it does not" in (
        first.evidence
    )
    assert "`stemma verify --twice`" in first.evidence
    assert not any("dvc.lock" in (found.cause, found.evidence) for found in report.findings)


def test_where_no_processor_computes_otherwise_it_is_no_cause(tmp_path: Path, monkeypatch):
    for name in ("ATEN_CPU_CAPABILITY", "OPENBLAS_CORETYPE"):
        monkeypatch.delenv(name, raising=False)
    told = {"training": {"precision": "fp32", "device": "cpu"}}
    report = Remade(tmp_path, told, PORTABLE).judge()
    assert "processor" not in {found.cause for found in report.findings}


def test_figures_and_export_of_other_weights_are_named_whatever_else_differs(tmp_path: Path):
    made = Remade(tmp_path, {"weights": "1" * 32 + ".dir"}, NATIVE)
    report = made.judge()
    assert report.verdict == "different"
    assert [found.cause for found in report.findings][-1] == "stale"
    assert "the metrics are of other weights than models/trained" in (report.findings[-1].evidence)


@pytest.fixture
def history(tmp_path: Path) -> History:
    """v1 is of one piece; of v2 the metrics are those of v1; v3 does not say."""
    made = History(tmp_path / "project")
    reports = made.root / "reports"
    reports.mkdir()
    for number in (1, 2, 3):
        outputs = {TRAINED: {"model.safetensors": f"{number}".encode()}}
        if number == 1:
            folder = tmp_path / "trained"
            folder.mkdir()
            (folder / "model.safetensors").write_bytes(b"1")
            noted = {"weights": name_of(hashes_of(folder))}
            (reports / "measured.json").write_text(json.dumps(noted))
        if number == 3:
            (reports / "measured.json").unlink()
        (reports / "metrics.json").write_text(json.dumps({"bits_per_byte": 1.8}))
        ids = {"id": [*"abcdefgh"], "loss": [4.0] * 8, "tokens": [4] * 8, "bytes": [9] * 8}
        pq.write_table(pa.table(ids), reports / "examples.parquet")
        made.commit(outputs, f"train:\n  steps: {number}\n")
        made.git("tag", f"v{number}")
    return made


def test_log_show_and_diff_say_that_figures_are_of_other_weights(history: History):
    told = json.loads(run(history.root, "log", "--json").stdout)
    assert [one["metrics_match"] for one in told] == [None, False, True]
    assert [one["difference"] for one in told] == [None, None, None]
    lines = run(history.root, "log").stdout.splitlines()
    assert ["of other weights" in line for line in lines] == [False, True, False]

    claim = "the metrics are of other weights than models/trained (`dvc repro`"
    for name, said in (("v1", False), ("v2", True), ("v3", False)):
        assert (claim in run(history.root, "show", name).stdout) is said, name
    assert json.loads(run(history.root, "show", "v2", "--json").stdout)["metrics_match"] is False

    report = run(history.root, "diff", "v1", "v2", "--only", "metrics").stdout
    assert "Not to be compared: bits per byte (1.8000 and 1.8000)" in " ".join(report.split())
    assert "other weights than models/trained in v2" in " ".join(report.split())


def test_an_export_of_other_weights(history: History):
    for noted, matches in (("0" * 32, False), (None, None)):
        manifest = json.dumps({"trained": noted, "files": []}).encode()
        exported = {"models/exported": {"manifest.json": manifest}}
        history.commit({TRAINED: {"model.safetensors": b"1"}, **exported})
        told = json.loads(run(history.root, "show", "HEAD", "--json").stdout)
        assert told["export_matches"] is matches
    history.git("checkout", "-q", "HEAD~1")
    assert "models/exported was made of other weights" in run(history.root, "show", "HEAD").stdout


def test_an_experiment_that_was_saved_after_a_part_of_the_pipeline(project: Project):
    """DVC commits by force there: its lock is of one piece."""
    told = json.loads((project.path / MEASURED).read_text())
    assert told["weights"] == name_of(hashes_of(project.path / TRAINED))
    assert told["training"]["precision"] == told["measuring"]["precision"] in ("bf16", "fp32")
    assert json.loads(run(project.path, "show", "HEAD", "--json").stdout)["metrics_match"] is True
    project.run("stemma compose train.steps=6")
    project.run("dvc repro -q train")
    project.run("dvc exp save -q -n saved")
    facts = json.loads(run(project.path, "show", "saved", "--json").stdout)
    assert (facts["metrics_match"], facts["export_matches"]) == (False, False)
    newest = json.loads(run(project.path, "log", "--experiments", "--json").stdout)[0]
    assert (newest["metrics_match"], newest["difference"]) == (False, None)
