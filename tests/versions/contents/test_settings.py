"""params.yaml of a version."""

from pathlib import Path

import pytest

from stemma.store.errors import DamagedError
from stemma.store.version import Tree
from stemma.versions.contents.settings import read_settings


def test_what_is_recorded_stands_apart_from_the_settings(tmp_path: Path) -> None:
    assert read_settings(Tree(tmp_path)) is None
    params = tmp_path / "params.yaml"
    params.write_text("composed: {overrides: [a=1]}\ntrain: {rate: 1}\n", encoding="utf-8")
    assert read_settings(Tree(tmp_path)) == ({"train": {"rate": 1}}, {"overrides": ["a=1"]})
    params.write_text("rate: 1\n", encoding="utf-8")
    assert read_settings(Tree(tmp_path)) == ({"rate": 1}, {}), "of a project that has no conf/"


@pytest.mark.parametrize("torn", ["a: [", "- a", "composed: text", "7"])
def test_a_torn_one_is_named(tmp_path: Path, torn: str) -> None:
    (tmp_path / "params.yaml").write_text(torn, encoding="utf-8")
    with pytest.raises(DamagedError, match=r"params\.yaml of the working tree cannot be read"):
        read_settings(Tree(tmp_path))
