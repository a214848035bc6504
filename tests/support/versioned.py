"""A small Git + DVC repository with versions, an experiment and a remote; nothing is trained."""

import shutil
from pathlib import Path

from project import Project

PIPELINE = """\
stages:
  train:
    cmd: python train.py
    params: [rate]
    outs: [models/trained, params.copy: {cache: false}]
    metrics: [reports/metrics.json: {cache: false}]
"""
# A megabyte of weights that depend on the rate; a configuration that all versions share.
TRAIN = """\
import hashlib, pathlib, shutil
rate = pathlib.Path("params.yaml").read_bytes()
for folder in ("models/trained", "reports"):
    pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
block = b"".join(hashlib.sha512(rate + bytes([i])).digest() for i in range(250))
pathlib.Path("models/trained/model.safetensors").write_bytes(block * 63)
pathlib.Path("models/trained/config.json").write_text("{}")
pathlib.Path("reports/metrics.json").write_text("{}")
shutil.copyfile("params.yaml", "params.copy")
"""


def lay_out(folder: Path) -> None:
    """v1 (tag), v2 (history only), v3 (main), an experiment 'tried'; all pushed to ../store.

    The remote's path is absolute: DVC 3.67 resolves a relative one of an older commit against /.
    """
    folder.mkdir()
    project = Project(folder)
    project.run("git init -q -b main")
    project.run("dvc init -q")
    project.run("dvc config core.analytics false")
    project.run(["dvc", "remote", "add", "-q", "-d", "store", str(folder.with_name("store"))])
    (folder / "dvc.yaml").write_text(PIPELINE)
    (folder / "train.py").write_text(TRAIN)
    (folder / "corpus.txt").write_text("To be, or not to be")
    project.run("dvc add -q corpus.txt")
    for number in (1, 2, 3):
        (folder / "params.yaml").write_text(f"rate: {number}\n")
        project.run("dvc repro -q")
        project.commit(f"v{number}")
        if number == 1:
            project.run("git tag v1")
    project.run("dvc push -q --all-commits")
    project.run("dvc exp run -q -n tried -S rate=4")
    project.run("dvc push -q")
    back(project)


def back(project: Project) -> None:
    """Put the working tree back to HEAD, as after an experiment."""
    project.run("git reset -q --hard")
    project.run("dvc checkout -q")


def copy(built: Path, tmp_path: Path) -> Project:
    """Copy the repository and its remote, which stands beside it."""
    shutil.copytree(built.with_name("store"), tmp_path / "store")
    project = Project(Path(shutil.copytree(built, tmp_path / "project", symlinks=True)))
    project.run(["dvc", "remote", "modify", "--local", "store", "url", str(tmp_path / "store")])
    return project
