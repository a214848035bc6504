"""The reference of a version is read from wherever its bytes are."""

import math
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from project import Project

from stemma.modeling.evaluation.reference_table import table_of
from stemma.monitoring.reference import parse, read
from stemma.store.errors import DamagedError, MissingError
from stemma.store.naming import resolve

FILE = "reports/reference.parquet"


def test_a_commit_whose_files_lie_nowhere_but_in_the_cache(project: Project):
    (project.path / FILE).unlink()
    found = read(resolve("HEAD", project.path))
    assert found and len(found.rows) > 200
    assert (found.width, found.answer_tokens) == (32, 32)
    assert found.common.sum() > 100
    row = found.rows[0]
    assert isinstance(row.prompt, str) and row.features.characters == len(row.prompt)
    assert row.measured.nats > 0 and len(row.measured.state) == 64
    assert 1 <= row.completion_tokens <= 32 and row.finish in ("stop", "length")
    assert all(one.answer is None or one.answer.characters for one in found.rows)


def test_the_working_tree(project: Project):
    tree, head = (read(resolve(name, project.path)) for name in (None, "HEAD"))
    assert tree and head and tree.rows == head.rows


def test_bytes_that_are_nowhere(project: Project):
    shutil.rmtree(project.path / ".dvc/cache")
    with pytest.raises(MissingError, match=r"reports/reference\.parquet of HEAD"):
        read(resolve("HEAD", project.path))


def test_a_version_from_before_there_were_any(history: Path):
    lock = history / "dvc.lock"
    assert FILE not in lock.read_text(encoding="utf-8") or read(resolve("HEAD", history))


def test_a_folder_has_none(project: Project):
    assert read(resolve(str(project.path / "models/exported"), Path("/nowhere"))) is None


def test_a_task_that_writes_no_text(tmp_path: Path):
    pq.write_table(table_of([], {}), tmp_path / "one.parquet")
    assert parse((tmp_path / "one.parquet").read_bytes(), "it") is None


def test_what_is_not_known(tmp_path: Path):
    row = {
        "prompt": '[{"role": "user", "content": "a"}]', "prompt_tokens": 1, "nats": None,
        "rare": 0.0, "unknown": 0.0, "state": [0.5] * 64, "characters": 1, "words": 1, "lines": 1,
        "non_ascii": 0.0, "digits": 0.0, "repeated": 0.0, "language": None,
        "completion_tokens": 1, "finish": "stop", "refusal": False, "empty": True,
    }  # fmt: skip
    facts = {"common": "/w==", "width": 8, "answer_tokens": 4}
    pq.write_table(table_of([row], facts), tmp_path / "one.parquet")
    found = parse((tmp_path / "one.parquet").read_bytes(), "it")
    assert found and found.rows[0].answer is None and found.common.tolist() == [True] * 8
    assert found.rows[0].prompt == [{"role": "user", "content": "a"}]
    assert math.isnan(found.rows[0].measured.nats)


@pytest.mark.parametrize("raw", [b"", b"PAR1", b"x" * 100])
def test_a_torn_file(raw: bytes):
    with pytest.raises(DamagedError, match=r"reference of lm is torn.*dvc repro evaluate"):
        parse(raw, "the reference of lm")


def test_a_file_of_something_else(project: Project):
    raw = (project.path / "reports/examples.parquet").read_bytes()
    with pytest.raises(DamagedError, match="is torn"):
        parse(raw, "it")
