"""Where a document stands in a manifest."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from prepared import manifest, row

from stemma.errors import DataError
from stemma.versions.tracing.matching import SIMILAR, Wanted, exact, search

TEXT = " ".join(f"word{number}" for number in range(120))
NEAR = f"{TEXT} exeunt omnes but one who stays behind"


def wanted(ids: Iterable[str] = (), texts: Iterable[str] = ()) -> Wanted:
    rows = [row("x", text) for text in texts]
    return Wanted(
        frozenset(ids),
        frozenset(one["sha256"] for one in rows),
        tuple(one["sketch"] for one in rows),
    )


def written(tmp_path: Path, *rows: dict[str, Any]) -> Path:
    path = tmp_path / "manifest.parquet"
    path.write_bytes(manifest(rows))
    return path


def test_an_exact_match_is_one_by_id_or_by_text(tmp_path: Path):
    rows = row("copy", TEXT), row("doc", "another text"), row("near", NEAR), row("other", "words")
    found = exact(written(tmp_path, *rows), "m", wanted(["doc"], [TEXT]))
    assert [(match.id, match.how) for match in found.matches] == [("doc", "id"), ("copy", "text")]
    assert found.sketches == {rows[0]["sketch"], rows[1]["sketch"]}


def test_nothing_is_read_where_nothing_is_wanted(tmp_path: Path):
    assert exact(tmp_path / "nowhere", "m", wanted()) == ((), frozenset())


def test_a_search_finds_the_closest_first_and_each_row_once(tmp_path: Path):
    rows = row("near", NEAR), row("copy", TEXT), row("doc", TEXT), row("other", "words")
    clustered = row("dropped", "words and words", reason="duplicates.near", cluster="c")
    held = row("held", "some words", cluster="c")
    path = written(tmp_path, *rows, clustered, held)
    found = search(path, "m", wanted(["doc", "dropped"], [TEXT]))
    assert [(match.id, match.how) for match in found] == [
        ("doc", "id"),
        ("dropped", "id"),
        ("copy", "text"),
        ("held", "cluster"),
        ("near", "similar"),
    ]
    assert found[1].split is None and found[1].reason == "duplicates.near"
    assert SIMILAR <= (found[-1].similarity or 0) < 1
    assert {match.similarity for match in found[:-1]} == {None}


def test_a_torn_manifest_is_named(tmp_path: Path):
    (tmp_path / "torn").write_bytes(b"PAR1")
    with pytest.raises(DataError, match="manifest of v1 cannot be read"):
        exact(tmp_path / "torn", "manifest of v1", wanted(["doc"]))
