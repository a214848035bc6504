"""Real Git + DVC repositories with the real settings, shrunk."""

import os
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

ROOT = Path(__file__).parents[2]
# What a version needs of this project; no lock file and no report, so that all of it is built.
PARTS = [
    *(".dvcignore", ".gitattributes", ".gitignore", ".dvc/config", ".dvc/.gitignore", "conf"),
    *(
        "data/input/README.md",
        "data/revoked.jsonl",
        "dvc.yaml",
        "environment.lock",
        "pyproject.toml",
        "src",
    ),
]
# The real settings, shrunk: an experiment on top of them, chosen by default.
TINY = """\
# @package _global_
defaults:
  - override /source: files
  - override /model: gpt2_nano
experiment: tiny
source: {columns: {id: name}}
tokenizer: {vocab_size: 400}
prepare: {split: {validation: 0.2, test: 0.2}}
model: {layers: 1, heads: 2, width: 32, context: 64}
train:
  steps: 8
  batch_size: 4
  micro_batch_size: 2
  sequence_length: 32
  log_every: 2
  evaluate_every: 4
  checkpoint_every: 4
  validation_blocks: 4
evaluate: {sample_tokens: 8}
"""


class Project:
    """A real Git + DVC repository in a temporary folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def run(self, command: str | list[str], check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command as a user would who has installed this project as it says."""
        words = shlex.split(command) if isinstance(command, str) else command
        done = subprocess.run(
            words,
            cwd=self.path,
            env=environment(self.path),
            capture_output=True,
            text=True,
            check=False,
        )
        if check and done.returncode:
            raise AssertionError(f"{command}: exit {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    def commit(self, message: str) -> str:
        """Commit everything; return the commit's hash."""
        self.run("git add -A")
        self.run(["git", "commit", "-qm", message])
        return self.run("git rev-parse HEAD").stdout.strip()


def environment(project: Path | None = None) -> dict[str, str]:
    """Return the environment of a user who has activated the virtual environment.

    Args:
        project: whose code is installed there; None for this one's.
    """
    installed = {"PYTHONPATH": str(project / "src")} if project else {}
    kept = {key: value for key, value in os.environ.items() if key != "COV_CORE_SOURCE"}
    return (
        kept
        | installed
        | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "HF_HUB_OFFLINE": "1",
            "DVC_NO_ANALYTICS": "1",
            "GIT_AUTHOR_NAME": "Test",
            "GIT_AUTHOR_EMAIL": "test@example.org",
            "GIT_COMMITTER_NAME": "Test",
            "GIT_COMMITTER_EMAIL": "test@example.org",
        }
    )


def heed_interrupts() -> None:
    """In a child, before it begins: take a Ctrl-C, also where tests run in the background."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def lay_out(path: Path) -> Project:
    """Make a repository with this project's code and shrunk settings, and nothing built."""
    path.mkdir(parents=True)
    for part in PARTS:
        source, target = ROOT / part, path / part
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(source, target)
    (path / "conf/experiment/tiny.yaml").write_text(TINY)
    config = path / "conf/config.yaml"
    config.write_text(config.read_text().replace("optional experiment: null", "experiment: tiny"))
    project = Project(path)
    project.run("git init -q -b main")
    project.run("dvc config --local core.analytics false")
    return project


def once(tmp_path_factory: pytest.TempPathFactory, name: str, make) -> Path:
    """Make a folder once for all pytest workers; ``make(folder)`` fills it."""
    shared = tmp_path_factory.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):
        shared = shared.parent
    folder, done = shared / name, shared / f"{name}.done"
    with FileLock(shared / f"{name}.lock"):
        if not done.exists():
            make(folder)
            done.touch()
    return folder
