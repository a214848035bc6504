"""Models from elsewhere become versions of a plain Git and DVC repository."""

import itertools
import json
import shutil
from pathlib import Path

import pytest
import yaml
from based import make_llama
from project import Project

from stemma.files import read_json, sha256_of

CARD = "---\nlicense: apache-2.0\nbase_model: somebody/elsewhere\n---\n\n# Small\n"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("elsewhere") / "Small Llama"
    make_llama(folder, [" ".join(map("".join, itertools.product("bdfgkl", "aeiou", "prst")))])
    (folder / "README.md").write_text(CARD)
    (folder / "optimizer.pt").write_bytes(b"a pickle")
    return folder


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = Project(tmp_path_factory.mktemp("plain") / "project")
    project.path.mkdir()
    for command in ("git init -q -b main", "dvc init -q"):
        project.run(command)
    (project.path / "dvc.yaml").write_text("stages:\n  # the only one\n  one:\n    cmd: echo one\n")
    project.commit("Plain")
    return project.path


@pytest.fixture
def project(empty: Path, tmp_path: Path) -> Project:
    return Project(Path(shutil.copytree(empty, tmp_path / "project", symlinks=True)))


def imported(project: Project, source: Path | str, *words: str) -> dict:
    return json.loads(project.run(["stemma", "import", str(source), *words, "--json"]).stdout)


def refused(project: Project, source: Path | str, *words: str) -> str:
    before = project.run("git status --porcelain --ignored").stdout
    done = project.run(["stemma", "import", str(source), *words], check=False)
    assert done.returncode == 1 and done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert project.run("git status --porcelain --ignored").stdout == before
    return line


def test_a_folder_becomes_a_version(project: Project, model: Path) -> None:
    (project.path / "mine.txt").write_text("staged, and mine\n")
    project.run("git add mine.txt")
    told = imported(project, model)
    place = project.path / "models/small-llama"
    assert told["files"] == {
        one.name: sha256_of(one) for one in model.iterdir() if one.name != "optimizer.pt"
    }
    assert all(sha256_of(place / name) == digest for name, digest in told["files"].items())
    assert told["left_out"] == ["optimizer.pt"]
    origin = read_json(place / "origin.json")
    assert origin["license"] == told["license"] == "apache-2.0"
    assert origin["base"] == "somebody/elsewhere" and origin["files"] == told["files"]
    declared = (project.path / "dvc.yaml").read_text()
    assert declared.startswith("stages:\n  # the only one\n")
    assert yaml.safe_load(declared)["artifacts"]["small-llama"]["type"] == "model"
    # The commit holds the import and nothing of the user's.
    named = project.run("git show --name-only --format=%s").stdout.split("\n")
    assert named[0] == "Import small-llama from Small Llama"
    assert {*named[2:-1]} == {"dvc.yaml", "models/.gitignore", "models/small-llama.dvc"}
    assert project.run("git status --porcelain").stdout == "A  mine.txt\n"
    # It comes back from the cache, and can be compared with another.
    shutil.rmtree(place)
    project.run("dvc checkout -q")
    assert sha256_of(place / "model.safetensors") == told["files"]["model.safetensors"]
    name = "HEAD:models/small-llama"
    told = project.run(["stemma", "diff", name, str(model), "--only", "weights", "--json"])
    compared = json.loads(told.stdout)
    # They are the same, and that is known.
    assert compared["missing"] == compared["sections"] == {}
    assert "small-llama is there already" in refused(project, model)


def test_a_run_of_a_trainer_gives_its_best_checkpoint(
    project: Project, model: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run-7"
    for step in (5, 10, 20):
        shutil.copytree(model, run / f"checkpoint-{step}")
        (run / f"checkpoint-{step}/config.json").write_text(json.dumps({"step": step}))
    assert imported(project, run, "--dry-run")["revision"] == "checkpoint-20"
    state = run / "checkpoint-20/trainer_state.json"
    state.write_text(json.dumps({"best_model_checkpoint": "/home/elsewhere/run-7/checkpoint-10"}))
    told = imported(project, run, "--name", "seven", "--license", "MIT", "--no-commit")
    assert (told["revision"], told["license"], told["commit"]) == ("checkpoint-10", "MIT", None)
    assert read_json(project.path / "models/seven/config.json") == {"step": 10}
    assert "models/" in project.run("git status --porcelain").stdout


def test_a_model_in_the_cache_of_the_hub(
    project: Project, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = "0123456789abcdef0123456789abcdef01234567"
    cached = tmp_path / "hub/models--some--small"
    shutil.copytree(model, cached / f"snapshots/{commit}")
    (cached / "refs").mkdir()
    (cached / "refs/main").write_text(commit)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    told = imported(project, "some/small", "--dry-run")
    assert (told["origin"], told["revision"]) == ("hf://some/small", commit)
    assert told["name"] == "small"
    assert "other/small does not lie in the Hub's cache" in refused(project, "other/small")


def test_what_is_no_whole_model(project: Project, model: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad"

    def spoilt(spoil) -> str:
        shutil.rmtree(bad, ignore_errors=True)
        shutil.copytree(model, bad)
        spoil()
        return refused(project, bad)

    weights = bad / "model.safetensors"
    assert "bad holds optimizer.pt, a pickle" in spoilt(weights.unlink)
    assert "is torn" in spoilt(lambda: weights.write_bytes(weights.read_bytes()[:-9]))
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"
    assert "Git LFS pointer" in spoilt(lambda: weights.write_text(pointer))
    assert "neither config.json nor" in spoilt((bad / "config.json").unlink)
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors"}}
    spoil = bad / "model.safetensors.index.json"
    assert "has no model-00001-of-00002.safetensors" in spoilt(
        lambda: spoil.write_text(json.dumps(index))
    )
    assert "is no folder, and no model of the Hub" in refused(project, "nowhere at all")
    (tmp_path / "nothing").mkdir()
    assert "holds no model" in refused(project, tmp_path / "nothing")


def test_where_nothing_can_be_added(project: Project, model: Path, tmp_path: Path) -> None:
    assert "'???' cannot name a model" in refused(project, model, "--name", "???")
    (project.path / "dvc.yaml").write_text("stages: {}\n")
    assert "dvc.yaml is not as HEAD has it" in refused(project, model)
    # What DVC refuses leaves nothing.
    project.run("git checkout -q dvc.yaml")
    (project.path / ".gitignore").write_text("*.dvc\n")
    project.commit("Pointers are ignored")
    assert "`dvc add models/small-llama` failed" in refused(project, model)
    shutil.rmtree(project.path / ".dvc")
    assert "DVC is not at home here" in refused(project, model)
    other = Project(tmp_path / "bare")
    other.path.mkdir()
    done = other.run(["stemma", "import", str(model)], check=False)
    assert done.returncode == 1 and "this is no Git repository" in done.stderr
