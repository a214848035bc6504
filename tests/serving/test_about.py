"""What the page is told of a version: of a commit, of the working tree, of a folder."""

import shutil
from pathlib import Path

import pytest
from history import json_bytes
from released import Released

from stemma.registry.models import Model, model_of
from stemma.serving.about import about
from stemma.store.errors import DamagedError
from stemma.store.naming import Folder, resolve
from stemma.store.version import Version
from stemma.versions.contents.metrics import read_metrics

CARD = b"""\
---
license: mit
model-index:
- name: lm
  results:
  - metrics:
    - {type: bits_per_byte, value: 1.89, name: Bits per byte}
    - {type: broken}
---

# A model

It writes.
"""


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Released:
    made = Released(tmp_path_factory.mktemp("told") / "project")
    made.make()
    made.in_prod(exported={"README.md": CARD})
    return made


def model(version: Version, root: Path) -> Model:
    return model_of(version, None, root)


def test_a_commit(released: Released):
    version = resolve("lm@v1.0.0", released.root)
    found = about(version, model(version, released.root), released.root)
    assert found["card"] == "# A model\n\nIt writes." and found["license"] == "mit"
    assert found["commit"] == version.commit and found["author"] == "Test"
    assert found["registered"][0]["name"] == "lm@v1.0.0"
    assert found["registered"][0]["stages"] == ["staging", "prod"]
    (parent,) = found["parents"]
    assert parent["commit"] == released.git("rev-parse", "lm@v1.0.0^").strip()
    metrics = read_metrics(version)
    assert metrics
    first = found["metrics"]["rows"][0]
    assert first["name"] == "bits_per_byte" and first["better"] == "lower"
    assert first["value"] == metrics["bits_per_byte"]
    assert first["low"] == metrics.get("bits_per_byte_low")
    assert found["metrics"]["counts"]["documents"] == metrics["documents"]
    assert found["data"]["sources"][0]["name"] == "plays"
    assert found["data"]["splits"]["train"]["tokens"] == 2
    assert found["missing"] == {} and found["warnings"] == []


def test_a_recalled_one(tmp_path: Path):
    made = Released(tmp_path / "project")
    made.in_prod()
    made.run("recall", "v1.0.0", "--why", "leaks")
    version = resolve("lm@v1.0.0", made.root)
    assert about(version, model(version, made.root), made.root)["warnings"] == ["recalled: leaks"]


def test_the_working_tree(released: Released):
    version = resolve(None, released.root)
    found = about(version, Model("lm", "models/exported"), released.root)
    assert found["commit"] is None and found["metrics"]["rows"]


def test_what_is_missing_is_told(tmp_path: Path):
    made = Released(tmp_path / "project")
    made.make(pushed=False, exported={"README.md": CARD})
    shutil.rmtree(made.root / ".dvc/cache")
    version = resolve("HEAD", made.root)
    found = about(version, Model("lm", "models/exported"), made.root)
    assert found["card"] is None and "models/exported/README.md" in found["missing"]
    assert found["metrics"]["rows"], "Git has them"


def test_torn_metrics_are_an_error(tmp_path: Path):
    made = Released(tmp_path / "project")
    made.make()
    (made.root / "reports/metrics.json").write_text("{")
    with pytest.raises(DamagedError, match=r"metrics\.json"):
        about(resolve(None, made.root), Model("lm", "models/exported"), made.root)


@pytest.mark.parametrize(
    ("card", "wanted", "rows"),
    [
        (CARD, "# A model\n\nIt writes.", 1),
        (b"# Plain\n", "# Plain\n", 0),
        (b"---\n[: broken\n---\nrest\n", "rest", 0),
        (b"---\nnever closed\n", "---\nnever closed\n", 0),
        (b"---\nmodel-index: [1, {results: x}]\n---\nrest\n", "rest", 0),
        (None, None, 0),
    ],
)
def test_a_folder(tmp_path: Path, card: bytes | None, wanted: str | None, rows: int):
    folder = tmp_path / "lm"
    folder.mkdir()
    (folder / "config.json").write_bytes(json_bytes({"model_type": "llama"}))
    if card is not None:
        (folder / "README.md").write_bytes(card)
    found = about(Folder(folder), Model("lm", "models/trained"), tmp_path)
    assert found["card"] == wanted
    assert len((found["metrics"] or {"rows": []})["rows"]) == rows
    assert found["commit"] is None and found["parents"] == []
    assert str(tmp_path) not in repr(found)
