"""Results by example of anybody's evaluation: read, paired, tested, and refused."""

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import foreign
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from project import Project, once
from pyarrow import csv

from stemma.store.errors import DamagedError
from stemma.versions import diff
from stemma.versions.comparison.pairs import match
from stemma.versions.comparison.tested import differences
from stemma.versions.contents import results
from stemma.versions.contents.directions import better

ROWS = 200


def rows(share: float, seed: int) -> list[dict]:
    draws = random.Random(seed)
    return [
        {
            "id": f"q{one}",
            "exact_match": draws.random() < share,
            "speed": draws.random(),
            "note": "x",
        }
        for one in range(ROWS)
    ]


def jsonl(table: list[dict]) -> bytes:
    return "".join(f"{json.dumps(row)}\n" for row in table).encode()


def parquet(table: list[dict]) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(table), sink)
    return sink.getvalue().to_pybytes()


def comma(table: list[dict]) -> bytes:
    sink = pa.BufferOutputStream()
    csv.write_csv(pa.Table.from_pylist(table), sink)
    return sink.getvalue().to_pybytes()


WRITE: dict[str, Callable[[list[dict]], bytes]] = {
    ".jsonl": jsonl, ".parquet": parquet, ".csv": comma,
}  # fmt: skip


@pytest.mark.parametrize("ending", WRITE)
def test_the_three_formats_say_the_same(ending: str) -> None:
    table = rows(0.5, 1)
    found = results.parse(WRITE[ending](table), f"r{ending}", "r")
    assert {*found} == {"id", "exact_match", "speed"}
    assert found["id"].tolist() == [row["id"] for row in table]
    for name in ("exact_match", "speed"):
        assert found[name] == pytest.approx(np.array([float(row[name]) for row in table]))
        assert results.means(found)[name] == pytest.approx(np.mean([row[name] for row in table]))


def test_samples_of_lm_evaluation_harness_as_they_are() -> None:
    raw = [
        {"doc_id": one, "doc": {"q": "?"}, "target": "A", "resps": [["B"]], "filter": kind,
         "metrics": ["acc"], "acc": one / 2, "doc_hash": "0f"}
        for one in range(3) for kind in ("strict", "flexible")
    ]  # fmt: skip
    found = results.parse(jsonl(raw), "samples_x.jsonl", "x")
    assert {*found} == {"id", "acc"} and found["id"][:2].tolist() == ["0/strict", "0/flexible"]
    plain = [row | {"filter": "none"} for row in raw[::2]]
    assert results.parse(jsonl(plain), "s.jsonl", "x")["id"].tolist() == ["0", "1", "2"]


@pytest.mark.parametrize(
    ("raw", "path", "message"),
    [
        (b'{"loss": 1}\n', "r.jsonl", "r has no ids: none of id, doc_id"),
        (b"loss\n1\n", "r.csv", "r has no ids"),
        (b'{"id": 1, "loss": 1}\n{"id": 1, "loss": 2}\n', "r.jsonl", "r has two rows for '1'"),
        (b'{"id": 1, "loss": 1}\n{"id": 2, "lo', "r.jsonl", "r is torn"),
        (b"PAR1 and no more", "r.parquet", "r is torn"),
        (b'{"id": 1, "loss": "much"}\n', "r.jsonl", "r has no column of numbers"),
        (b'{"id": 1, "loss": 1}\n{"id": 2}\n', "r.jsonl", "r has no column of numbers"),
        (b"[1]\n", "r.jsonl", "r is torn: a line holds no JSON object"),
    ],
)
def test_what_is_no_file_of_results(raw: bytes, path: str, message: str) -> None:
    with pytest.raises(DamagedError, match=message):
        results.parse(raw, path, "r")


def test_two_files_are_compared_by_pairs(tmp_path: Path) -> None:
    project = Project(tmp_path)
    (tmp_path / "a.jsonl").write_bytes(jsonl(rows(0.4, 1)))
    (tmp_path / "b.csv").write_bytes(comma(rows(0.8, 2)[: ROWS - 20]))
    told = json.loads(project.run("stemma diff a.jsonl b.csv --json").stdout)
    facts = told["sections"]["metrics"]
    assert (facts["pairs"], len(facts["only_a"])) == (ROWS - 20, 20)
    match = facts["tested"]["exact_match"]
    assert match["real"] and match["better"] == "higher" and match["difference"] > 0.2
    assert not facts["tested"]["speed"]["real"] and facts["tested"]["speed"]["better"] is None
    assert "Better: exact match" in told["verdict"]
    assert {*told["sections"]} == {"metrics"} and not told["missing"]
    same = project.run("stemma diff a.jsonl a.jsonl").stdout
    assert "a.jsonl and a.jsonl are the same." in same
    (tmp_path / "torn.jsonl").write_text("{")
    done = project.run("stemma diff a.jsonl torn.jsonl", check=False)
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1


def test_a_real_change_whose_direction_nobody_knows_is_no_improvement(tmp_path: Path) -> None:
    for name, shift in (("a", 0.0), ("b", 2.0)):
        table = [row | {"speed": row["speed"] + shift} for row in rows(0.5, 3)]
        (tmp_path / f"{name}.jsonl").write_bytes(jsonl(table))
    verdict = diff(str(tmp_path / "a.jsonl"), str(tmp_path / "b.jsonl"), root=tmp_path).verdict
    assert "Changed: speed +2" in verdict
    assert "real, and which direction is better is not known" in verdict


def test_declared_results_of_a_foreign_repository(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    path = once(tmp_path_factory, "foreign-pipeline", lambda folder: foreign.pipeline(folder))
    here = Project(Path(shutil.copytree(path, tmp_path / "copy", symlinks=True)))
    pipeline = here.path / "dvc.yaml"
    entry = "  answers: {path: answers.parquet, type: evaluation}\n"
    pipeline.write_text(pipeline.read_text() + entry)
    for share, seed in ((0.4, 1), (0.8, 2)):
        (here.path / "answers.parquet").write_bytes(parquet(rows(share, seed)))
        here.run("dvc add -q answers.parquet")
        here.commit(f"answers {share}")
    tested = {one.name: one for one in diff("HEAD~1", "HEAD", root=here.path).sections}
    facts = tested["metrics"].facts
    assert facts["tested"]["exact_match"]["real"] and facts["pairs"] == ROWS
    # What the metrics' file says is there too, and cannot be tested.
    assert "auc" in facts["untested"] and facts["headline"]["b"]["auc"] == 0.8


def test_a_direction_that_dvc_yaml_declares(tmp_path: Path) -> None:
    here = foreign.new(tmp_path / "declared")
    entry = "artifacts:\n  answers: {path: answers.jsonl, type: evaluation, meta: {better: %s}}\n"
    pipeline = here.path / "dvc.yaml"
    pipeline.write_text(entry % "{speed: lower}")
    for shift in (0.0, 2.0):
        table = [row | {"speed": row["speed"] + shift} for row in rows(0.5, 3)]
        (here.path / "answers.jsonl").write_bytes(jsonl(table))
        here.run("dvc add -q answers.jsonl")
        here.commit(f"slower by {shift}")
    sections = {one.name: one for one in diff("HEAD~1", "HEAD", root=here.path).sections}
    assert sections["metrics"].facts["tested"]["speed"]["better"] == "lower"
    told = here.run("stemma diff HEAD~1 HEAD --only metrics").stdout
    assert "Worse: speed +2" in told and "not known" not in told
    pipeline.write_text(entry % "{speed: up}")
    here.commit("torn")
    done = here.run("stemma diff HEAD~1 HEAD", check=False)
    line = "artifacts.answers.meta.better.speed is 'up', neither lower nor higher"
    assert done.returncode == 1 and line in done.stderr and len(done.stderr.splitlines()) == 1


def test_a_column_beside_those_of_a_task_is_a_metric_too() -> None:
    draw = np.random.default_rng(0)
    ids = [f"d{one}" for one in range(ROWS)]
    columns = {name: draw.integers(20, 90, ROWS) for name in ("tokens", "correct", "top5")}
    table = {"id": ids, **columns, "bytes": columns["tokens"] * 4, "loss": columns["tokens"] * 2.0}
    left, right = ({**table, "easy": draw.random(ROWS) < share} for share in (0.2, 0.9))
    pairs = match({k: np.asarray(v) for k, v in left.items()},
                  {k: np.asarray(v) for k, v in right.items()}, None)  # fmt: skip
    found = differences(pairs, ["bits_per_byte", "easy"])
    assert found["easy"].p < 0.01 and found["bits_per_byte"].p == 1


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("acc", "higher"), ("val/accuracy", "higher"), ("eval.f1", "higher"), ("rouge2", "higher"),
        ("train.loss", "lower"), ("word_error_rate", "lower"), ("wer", "lower"), ("ppl", "lower"),
        ("acc_norm", "higher"), ("speed", None), ("steps", None), ("a_normal_name", None),
    ],
)  # fmt: skip
def test_the_direction_of_names_that_the_field_uses(name: str, wanted: str | None) -> None:
    assert better(name) == wanted
