from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from measured import texts, version

from stemma.errors import DataError
from stemma.store.errors import ProjectError
from stemma.store.version import Tree
from stemma.versions.comparison.pairs import pair


def test_pairs_are_by_id_whatever_the_order(tmp_path: Path) -> None:
    a = texts(10)
    b = {name: column[::-1] for name, column in a.items()}
    pairs = pair(version(tmp_path / "a", a), version(tmp_path / "b", b))
    assert pairs
    assert pairs.ids == a["id"]
    assert pairs.a["loss"].tolist() == pairs.b["loss"].tolist()
    assert not (pairs.only_a or pairs.only_b or pairs.changed)


def manifest(folder: Path, hashes: dict[str, str]) -> None:
    (folder / "data/prepared").mkdir(parents=True)
    rows = {"id": list(hashes), "sha256": list(hashes.values()), "split": ["test"] * len(hashes)}
    pq.write_table(pa.table(rows), folder / "data/prepared/manifest.parquet")


def test_a_text_of_the_same_size_is_told_by_its_hash(tmp_path: Path) -> None:
    a = texts(10)
    hashes = {name: f"hash of {name}" for name in a["id"]}
    manifest(tmp_path / "a", hashes)
    manifest(tmp_path / "b", hashes | {"doc-004": "another"})
    pairs = pair(version(tmp_path / "a", a), version(tmp_path / "b", a))
    assert pairs
    assert pairs.changed == ["doc-004"]
    assert "doc-004" not in pairs.ids
    assert pairs.hashed


def test_of_the_same_data_no_manifest_is_read(tmp_path: Path) -> None:
    lock = "stages: {prepare: {cmd: x, outs: [{path: data/prepared, md5: 0f00.dir}]}}"
    sides = [version(tmp_path / name, texts(10)) for name in "ab"]
    for name in "ab":
        (tmp_path / name / "dvc.lock").write_text(lock)
    pairs = pair(*sides)
    assert pairs
    assert pairs.hashed


def put(path: Path, name: str, values: list) -> None:
    table = pq.read_table(path)
    pq.write_table(table.set_column(table.column_names.index(name), name, [values]), path)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-40]), "of b is torn"),
        (lambda path: path.write_bytes(b""), "of b is torn"),
        (lambda path: pq.write_table(pa.table({"loss": [1.0]}), path), "of b has no column 'id'"),
        (
            lambda path: pq.write_table(pa.table({"id": ["x", "y", "x"]}), path),
            "of b has two rows for 'x'",
        ),
        (lambda path: put(path, "loss", ["x"] * 10), "of b has string in 'loss', which are num"),
        (lambda path: put(path, "id", list(range(10))), "of b has int64 in 'id', which are texts"),
        (lambda path: put(path, "top5", [*range(9), None]), "of b has a row without 'top5'"),
    ],
)
def test_broken_examples(tmp_path: Path, spoil, message: str) -> None:
    a, b = version(tmp_path / "a", texts(10)), version(tmp_path / "b", texts(10))
    spoil(tmp_path / "b/reports/examples.parquet")
    with pytest.raises(ProjectError, match=f"reports/examples.parquet {message}") as caught:
        pair(a, b)
    assert "dvc repro evaluate" in caught.value.hint


def test_a_torn_manifest_names_itself(tmp_path: Path) -> None:
    a, b = version(tmp_path / "a", texts(10)), version(tmp_path / "b", texts(10))
    manifest(tmp_path / "a", {})
    manifest(tmp_path / "b", {"doc-001": "x"})
    (tmp_path / "b/data/prepared/manifest.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match=r"data/prepared/manifest.parquet of b cannot be read"):
        pair(a, b)


def test_without_examples_there_are_no_pairs(tmp_path: Path) -> None:
    assert pair(version(tmp_path / "a", texts(10)), Tree(tmp_path / "nowhere")) is None
