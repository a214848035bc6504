"""Two real versions merged, taken as they are: measured, handed on, and their child in the log."""

import json
import shutil
import sys
from pathlib import Path

import pytest
import torch
from project import Project, once
from safetensors.torch import load_file

from stemma.files import read_json

PARENTS = ("tuned", "retuned")
STAGES = """
import importlib
for name in ("base", "train", "evaluate", "export"):
    importlib.import_module(f"stemma.stages.{name}").main()
from dvc.repo import Repo
with Repo() as repo:
    repo.commit(force=True)
"""
SETTINGS = [
    *("model=merged", "model.base.method=task_arithmetic", "model.base.ancestor=stemma://start"),
    *("model.base.parents=[stemma://tuned,stemma://retuned]", "model.base.weights=[0.5,0.25]"),
    *("train=as_is", "train.steps=0", "export.dtype=float32"),
]


@pytest.fixture(scope="module")
def merged(history: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The known history, and on top of it a version that is merged of two; do not write to it."""

    def make(folder: Path) -> None:
        project = Project(Path(shutil.copytree(history, folder, symlinks=True)))
        project.run("git checkout -q fine")
        project.run("dvc checkout -q")
        project.run(["stemma", "compose", "--reset", *SETTINGS])
        project.run([sys.executable, "-c", STAGES])
        project.commit("Two made one")

    return Project(once(tmp_path_factory, "merged-versions", make))


def weights(folder: Path) -> dict[str, torch.Tensor]:
    found = {}
    for path in folder.glob("*.safetensors"):
        found |= {name: tensor.float() for name, tensor in load_file(path).items()}
    return found


def test_what_is_handed_on_is_the_merge_of_what_the_parents_handed_on(
    merged: Project, tmp_path: Path
):
    models = {}
    for tag in ("start", *PARENTS):
        command = ["dvc", "get", "-q", ".", "models/exported", "--rev", tag]
        merged.run([*command, "-o", str(tmp_path / tag)])
        models[tag] = weights(tmp_path / tag)
    start, tuned, retuned = models.values()
    for name, tensor in weights(merged.path / "models/exported").items():
        changes = 0.5 * (tuned[name] - start[name]) + 0.25 * (retuned[name] - start[name])
        # The parents are in bf16, and so is what is merged of them.
        assert torch.equal(tensor, (start[name] + changes).bfloat16().float()), name


def test_nothing_was_trained_and_all_was_measured(merged: Project):
    facts = read_json(merged.path / "models/trained/training.json")
    assert (facts["steps"], facts["tokens_seen"]) == (0, 0)
    metrics = read_json(merged.path / "reports/metrics.json")
    assert metrics["bits_per_byte"] == metrics["baselines"]["base"]["bits_per_byte"]
    before = {path.name: path for path in (merged.path / "models/base").glob("*.safetensors")}
    after = merged.path / "models/trained"
    assert all((after / name).read_bytes() == path.read_bytes() for name, path in before.items())


def test_the_log_and_the_card_name_both_parents(merged: Project):
    parents = [merged.run(f"git rev-parse {tag}").stdout.strip() for tag in PARENTS]
    newest = json.loads(merged.run("stemma log --json").stdout)[0]
    assert [base["commit"] for base in newest["bases"]] == parents
    assert f" <- {parents[0][:7]}, {parents[1][:7]} " in merged.run("stemma log").stdout
    card = (merged.path / "models/exported/README.md").read_text()
    page = " ".join(merged.run("stemma show").stdout.split())
    assert "train: steps=0 runtime:" in page
    for tag, commit in zip(PARENTS, parents, strict=True):
        assert f"`stemma://{tag}` | `{commit}`" in card
        assert f"parent stemma://{tag}, {commit[:10]}" in page


def test_a_record_of_the_ancestor_reaches_the_merge(merged: Project):
    command = "stemma trace --id hamlet/act-1/scene-2 --json"
    found = {one["commit"]: one for one in json.loads(merged.run(command).stdout)}
    head, start = (merged.run(f"git rev-parse {rev}").stdout.strip() for rev in ("HEAD", "start"))
    assert found[head]["through"] == [start]
