"""Nothing that reads a version has a whole file of weights in memory, or a whole tensor."""

import dataclasses
import json
import math
from pathlib import Path

import large
import pytest
from foreign import new
from project import ROOT, Project, environment, once

MOST = 360  # MiB: a process without weights takes up to 160, the smallest file has 640
MOST_OF_TORCH = 640  # MiB: torch alone takes 350, a tensor in single precision 750
ENVIRONMENT = environment(ROOT)


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A repository with two versions of a large model."""

    def make(folder: Path) -> None:
        large.repository(folder, large.SMALL)

    return Project(once(tmp_path_factory, "large", make))


def test_the_models_take_no_disk(two: Project):
    files = [file for file in two.path.rglob("*.safetensors") if file.is_file()]
    assert sum(file.stat().st_size for file in files) > 1.3e9
    assert sum(512 * file.stat().st_blocks for file in files) < 1e7


@pytest.mark.parametrize("verb", large.verbs(Path()))
def test_a_verb_takes_no_more_memory_than_without_weights(two: Project, verb: str):
    words = large.verbs(two.path / large.NAME)[verb]
    taken = large.taken(words, two.path, ENVIRONMENT)
    assert taken.peak_mib < MOST, taken.said
    if verb == "diff":
        assert "8 of 75 tensors changed" in " ".join(taken.said.split())


def test_an_import_copies_in_pieces(two: Project, tmp_path: Path):
    other = new(tmp_path / "other")
    other.run(["dvc", "config", "cache.type", "hardlink,symlink"])
    other.commit("nothing yet")
    words = ["stemma", "import", str(two.path / large.NAME), "--name", "large"]
    assert large.taken(words, other.path, ENVIRONMENT).peak_mib < MOST
    file = other.path / large.NAME / "model-00001-of-00002.safetensors"
    assert file.stat().st_size == (two.path / large.NAME / file.name).stat().st_size


@pytest.mark.parametrize("dtype", ["BF16", "F32"])
def test_an_export_is_written_in_pieces(tmp_path: Path, dtype: str):
    model = tmp_path / "model"
    model.mkdir()
    large.write_model(model, dataclasses.replace(large.SMALL, dtype=dtype))
    words = large.export(model, tmp_path / "exported", "bfloat16")
    most = MOST if dtype == "BF16" else MOST_OF_TORCH
    assert large.taken(words, tmp_path, ENVIRONMENT).peak_mib < most
    index = json.loads((tmp_path / "exported" / large.INDEX).read_text())
    assert index["metadata"]["total_size"] == sum(
        2 * math.prod(shape) for _, shape in large.SMALL.tensors()
    )


def test_a_rebuild_with_other_weights_is_compared_in_pieces(tmp_path: Path):
    project = large.pipeline(tmp_path / "project", large.SMALL)
    words = ["stemma", "verify", "--json"]
    taken = large.taken(words, project.path, ENVIRONMENT, check=False)
    assert taken.peak_mib < MOST
    (row,) = json.loads(taken.said)["rows"]
    assert (row["status"], row["output"]) == ("different", large.NAME)
    assert row["weights"]["relative"] > 1
