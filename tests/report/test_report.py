"""stemma.report: what a script of one's own writes."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from stemma import report
from stemma.corpus.manifest import SCHEMA
from stemma.errors import DataError

WITHOUT_TORCH = """
import sys
from stemma import extras, report
report.manifest("documents", {"train": ["a text"]})
report.examples("examples.parquet", [1, 2], loss=[0.1, 0.2])
sys.exit(str([one for one in sys.modules if extras.of(one)]))
"""


def test_it_needs_the_base_alone(tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH],
        cwd=tmp_path, check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.stderr.strip() == "[]"


def test_examples_are_the_same_bytes_each_time(tmp_path: Path):
    import torch

    for name in ("one", "other"):
        report.examples(
            tmp_path / f"{name}.parquet", range(3), loss=torch.arange(3) / 2,
            right=[True, False, True], label=["a", "b", "a"],
        )  # fmt: skip
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "other.parquet").read_bytes()
    table = pq.read_table(tmp_path / "one.parquet").to_pydict()
    assert table["id"] == ["0", "1", "2"] and table["loss"] == [0, 0.5, 1]
    assert table["right"] == [True, False, True] and table["label"] == ["a", "b", "a"]


@pytest.mark.parametrize(
    ("ids", "columns", "said"),
    [
        ([1, 1], {"loss": [1, 2]}, "'1' stands twice"),
        ([1, 2], {"loss": [1]}, "'loss' has 1 values for 2 ids"),
        ([1, 2], {"loss": np.ones((2, 2))}, "'loss' has 2 x 2 values"),
        ([1, 2], {"loss": [1, float("nan")]}, "'loss' is nan in row 1"),
        ([1, 2], {"label": ["a", "b"]}, "no column has numbers"),
        ([1, 2], {"loss": [1, None]}, "no column has numbers"),
    ],
)
def test_examples_that_cannot_be_compared(
    tmp_path: Path, ids: list[Any], columns: dict[str, Any], said: str
):
    path = tmp_path / "a.parquet"
    path.write_bytes(b"before")
    with pytest.raises(DataError, match=said):
        report.examples(path, ids, **columns)
    assert path.read_bytes() == b"before" and len(list(tmp_path.iterdir())) == 1


def test_another_ending(tmp_path: Path):
    with pytest.raises(DataError, match=r"does not end with \.parquet"):
        report.examples(tmp_path / "a.csv", [1], loss=[1])


def test_documents_without_an_id_are_called_by_their_text(tmp_path: Path):
    report.manifest(tmp_path, {"train": ["one", "two", "one"], "test": [{"text": "x", "id": 7}]})
    table = pq.read_table(tmp_path / "manifest.parquet")
    assert table.schema.equals(SCHEMA)
    ids = table["id"].to_pylist()
    assert ids[2] == f"{ids[0]}-2" and ids[3] == "7"
    report.manifest(tmp_path, {"test": [{"text": "x", "id": 7}], "train": ["two", "one"]})
    assert pq.read_table(tmp_path / "manifest.parquet")["id"].to_pylist() == ["7", ids[1], ids[0]]


def test_a_text_may_be_made_of_a_document(tmp_path: Path):
    chats = [{"messages": ["hello", "you"], "source": "talk"}]
    report.manifest(
        tmp_path, {"train": chats}, text=lambda one: "\n".join(one["messages"]), tokens=len
    )
    (row,) = pq.read_table(tmp_path / "manifest.parquet").to_pylist()
    assert (row["bytes"], row["tokens"], row["source"], row["split"]) == (9, 9, "talk", "train")


@pytest.mark.parametrize(
    ("splits", "said"),
    [
        ({"eval": ["a"]}, "'eval' is no split"),
        ({"train": [{"words": "a"}]}, "document 0 of train has no text"),
        ({"train": ["a", None]}, "document 1 of train has no text"),
        ({"train": [{"text": "a", "id": 1}], "test": [{"text": "b", "id": 1}]}, "have the id '1'"),
    ],
)
def test_documents_that_are_none(tmp_path: Path, splits: dict[str, list[Any]], said: str):
    (tmp_path / "manifest.parquet").write_bytes(b"before")
    with pytest.raises(DataError, match=said):
        report.manifest(tmp_path, splits)
    assert (tmp_path / "manifest.parquet").read_bytes() == b"before"
