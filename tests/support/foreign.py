"""Repositories of other people: laid out as DVC allows, and in nothing as Stemma's own projects."""

import json
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import numpy as np
from project import Project
from safetensors.numpy import save_file

TRAIN = """
import json, pathlib, tomllib, numpy, yaml
from safetensors.numpy import save_file
rate = yaml.safe_load(open("params.yaml"))["train"]["rate"]
model = pathlib.Path("models/net")
model.mkdir(parents=True, exist_ok=True)
save_file({"w": numpy.full((4, 4), rate, "float32")}, model / "model.safetensors")
(model / "config.json").write_text(json.dumps({"architectures": ["Net"]}))
"""
SCORE = """
import json, pathlib, yaml
rate = yaml.safe_load(open("params.yaml"))["train"]["rate"]
place = pathlib.Path("eval/live")
place.mkdir(parents=True, exist_ok=True)
scores = {"precision": {"train": 1 - rate, "test": 0.9 - rate}, "auc": 0.8}
odd = {"note": "a text", "missing": float("nan"), "many": [1, 2], "empty": None}
(place / "metrics.json").write_text(json.dumps(scores | odd))
"""
ONE_STAGE = """
import json, sys, yaml
rate = yaml.safe_load(open("params.yaml"))["rate"]
name = sys.argv[1] if sys.argv[1:] else "model"
json.dump({"loss": rate, "accuracy": 1 - rate}, open(f"metrics_{name}.json", "w"))
open(f"{name}.bin", "w").write(f"{name} {rate}")
"""


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dedent(text).lstrip())


def new(folder: Path, subdir: str = "") -> Project:
    folder.mkdir(parents=True)
    Project(folder).run("git init -q -b main")
    project = Project(folder / subdir)
    project.path.mkdir(parents=True, exist_ok=True)
    project.run(["dvc", "init", "-q", *(["--subdir"] if subdir else [])])
    return project


def versions(project: Project, change: Callable[[], object], *words: str) -> None:
    """Commit a first version, a second one behind a change, and a commit that changes neither."""
    project.run(["dvc", "repro", "-q", *words])
    project.commit("one")
    change()
    project.run(["dvc", "repro", "-q", *words])
    project.commit("two")
    write(project.path / "notes.txt", "words alone")
    project.commit("three")


def pipeline(folder: Path) -> Project:
    """Metrics in DVC's cache, two files of settings, a declared model, an added file of data."""
    project = new(folder)
    root = project.path
    write(root / "params.yaml", "train: {rate: 0.1, seed: 1}")
    write(root / "conf.toml", "[data]\nsplit = 0.2\n")
    write(root / "src/train.py", TRAIN)
    write(root / "src/score.py", SCORE)
    write(root / "data/raw.csv", "a,b\n1,2\n")
    project.run("dvc add -q data/raw.csv")
    write(root / ".gitignore", "/eval\n/models\n")
    write(root / "dvc.yaml", """
        stages:
          train:
            cmd: python src/train.py
            deps: [src/train.py, data/raw.csv]
            params: [train, {conf.toml: [data.split]}]
            outs: [models/net]
          score:
            cmd: python src/score.py
            deps: [src/score.py, models/net]
            outs: [eval]
        metrics: [eval/live/metrics.json]
        artifacts:
          text-classification: {path: models/net, type: model, desc: a net}
        """)  # fmt: skip

    def change() -> None:
        write(root / "params.yaml", "train: {rate: 0.2, seed: 1}")
        write(root / "data/raw.csv", "a,b\n1,3\n")
        project.run("dvc add -q data/raw.csv")

    versions(project, change)
    project.run(["git", "tag", "-a", "text-classification@v1.0.0", "-m", "v1", "HEAD~2"])
    return project


def several(folder: Path) -> Project:
    """Two pipelines in folders of their own, the same metrics in each."""
    project = new(folder)
    for name in ("one", "two"):
        write(project.path / name / "params.yaml", "rate: 0.1")
        write(project.path / name / "run.py", ONE_STAGE)
        write(project.path / name / "dvc.yaml", """
            stages:
              run:
                cmd: python run.py
                deps: [run.py]
                params: [rate]
                outs: [model.bin]
                metrics: [metrics_model.json: {cache: false}]
            """)  # fmt: skip
    versions(
        project, lambda: write(project.path / "two/params.yaml", "rate: 0.3"), "--all-pipelines"
    )
    return project


def below(folder: Path) -> Project:
    """A project in a folder of a repository with other things."""
    project = new(folder, "projects/lm")
    write(folder / "README.md", "of all projects")
    write(project.path / "params.yaml", "rate: 0.1")
    write(project.path / "run.py", ONE_STAGE)
    write(project.path / "dvc.yaml", """
        stages:
          run:
            cmd: python run.py
            deps: [run.py]
            params: [rate]
            outs: [model.bin]
            metrics: [metrics_model.json]
        """)  # fmt: skip
    versions(project, lambda: write(project.path / "params.yaml", "rate: 0.3"))
    return project


def templated(folder: Path) -> Project:
    """Stages by foreach and matrix, paths with values of vars, a working directory, an anchor."""
    project = new(folder)
    write(project.path / "params.yaml", "models: [us, uk]\nrate: 0.1\n")
    write(project.path / "work/run.py", ONE_STAGE)
    write(project.path / "work/params.yaml", "rate: 0.1")
    write(project.path / "dvc.yaml", """
        vars: [{folder: grids}]
        stages:
          train:
            foreach: ${models}
            do:
              wdir: work
              cmd: python run.py ${item}
              deps: &code [run.py]
              params: [rate]
              outs: ["${item}.bin"]
              metrics: ["metrics_${item}.json"]
          grid:
            matrix: {m: [x, y], k: [1]}
            cmd: mkdir -p ${folder} && echo ${item.m} > ${folder}/${item.m}_${item.k}.txt
            outs: ["${folder}/${item.m}_${item.k}.txt"]
        """)  # fmt: skip
    versions(project, lambda: write(project.path / "work/params.yaml", "rate: 0.4"))
    return project


def added(folder: Path) -> Project:
    """No pipeline: a model, data, and what is imported from another repository and by a URL."""
    other = new(folder.with_name(f"{folder.name}-other"))
    write(other.path / "shared.txt", "shared\n")
    other.run("dvc add -q shared.txt")
    other.commit("shared")
    project = new(folder)
    model, data = project.path / "adapter", project.path / "data/x.txt"
    model.mkdir()
    write(model / "adapter_config.json", json.dumps({"peft_type": "LORA", "r": 1}))
    write(project.path / "plain.txt", "by a URL\n")

    def change(value: float, text: str) -> None:
        save_file({"w": np.full((2, 2), value, np.float32)}, model / "model.safetensors")
        write(data, text)
        project.run("dvc add -q adapter data/x.txt")

    change(1, "one\n")
    project.run(["dvc", "import", "-q", str(other.path), "shared.txt"])
    project.run(["dvc", "import-url", "-q", str(project.path / "plain.txt"), "linked.txt"])
    project.commit("one")
    change(2, "two\n")
    project.commit("two")
    write(project.path / "notes.txt", "words alone")
    project.commit("three")
    return project


def live(folder: Path) -> Project:
    """As dvclive lays a run out: a dvc.yaml of its own beside what it logs."""
    project = new(folder)
    root = project.path
    write(root / "params.yaml", "rate: 0.1")
    write(root / "train.py", """
        import json, pathlib, yaml
        rate = yaml.safe_load(open("params.yaml"))["rate"]
        live = pathlib.Path("dvclive")
        (live / "plots/metrics/train").mkdir(parents=True, exist_ok=True)
        metrics = {"train": {"loss": rate}, "step": 2}
        (live / "metrics.json").write_text(json.dumps(metrics))
        (live / "params.yaml").write_text(f"rate: {rate}\\nfreeze: true\\n")
        (live / "plots/metrics/train/loss.tsv").write_text("step\\tloss\\n0\\t1\\n1\\t0.5\\n")
        pathlib.Path("model.pt").write_text(f"weights {rate}")
        """)  # fmt: skip
    stage = "{cmd: python train.py, deps: [train.py], params: [rate], outs: [model.pt]}"
    write(root / "dvc.yaml", f"stages: {{train: {stage}}}")
    write(root / "dvclive/dvc.yaml", """
        params: [params.yaml]
        metrics: [metrics.json]
        plots: [plots/metrics: {x: step}]
        artifacts: {best: {path: ../model.pt, type: model}}
        """)  # fmt: skip
    versions(project, lambda: write(root / "params.yaml", "rate: 0.2"))
    return project


SHAPES = {one.__name__: one for one in (pipeline, several, below, templated, added, live)}
