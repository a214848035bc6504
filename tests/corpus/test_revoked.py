import json
from pathlib import Path

import pytest
from project import ROOT

from stemma.corpus.revoked import NOTHING, Revocation, Revoked, read
from stemma.errors import DataError

GOOD = {"id": "x", "sha256": "0" * 64, "why": "asked"}


def test_without_a_file_nothing_is_revoked(tmp_path: Path):
    assert read(tmp_path / "none") == [] and Revoked.of([]) == NOTHING
    assert NOTHING.reason("x", "0" * 64) is None


def test_lines_are_read_and_blank_ones_passed_over(tmp_path: Path):
    path = tmp_path / "revoked.jsonl"
    path.write_text(f"{json.dumps(GOOD)}\n\n")
    assert read(path) == [Revocation(**GOOD)]


def test_the_list_of_a_new_project_is_not_empty_for_dvc_warns_of_that():
    assert (ROOT / "data/revoked.jsonl").read_bytes()


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        json.dumps({"id": "x"}),
        json.dumps({**GOOD, "why": ""}),
        json.dumps({**GOOD, "sha256": 3}),
        json.dumps({**GOOD, "when": "today"}),
    ],
)
def test_a_line_that_is_wrong_is_named(tmp_path: Path, line: str):
    path = tmp_path / "revoked.jsonl"
    path.write_text(f"{json.dumps(GOOD)}\n{line}\n")
    with pytest.raises(DataError, match=r"revoked.jsonl, line 2 cannot be read"):
        read(path)
