"""`stemma init`: in a new folder, in a repository that is there, and where it must not."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from stemma.config import read_params
from stemma.errors import StemmaError
from stemma.starting import pipeline
from stemma.starting.project import Started, init

TOP = {
    *(".dvc", ".dvcignore", ".git", ".gitattributes", ".gitignore", "README.md", "code.lock"),
    *("conf", "data", "dvc.yaml", "environment.lock", "params.yaml", "pyproject.toml", "src"),
    "tests",
}
THEIRS = """\
# Their own words.
stages:
  fit:
    cmd: echo fit   # by hand
plots:
  - curve.csv
"""


pytestmark = pytest.mark.usefixtures("user")


def run(command: str, folder: Path, check: bool = True) -> str:
    done = subprocess.run(command.split(), cwd=folder, capture_output=True, text=True, check=False)
    assert not check or done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def files_of(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file() and ".git" not in path.parts)
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
    # Where DVC and Stemma keep notes, which Git ignores.
    return {path: held for path, held in found.items() if not path.startswith(".dvc/tmp/")}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Somebody's repository with a pipeline and files of the names of ours."""
    folder = tmp_path / "theirs"
    folder.mkdir()
    run("git init -q -b main", folder)
    run("dvc init -q", folder)
    run("dvc config cache.type copy", folder)
    (folder / "dvc.yaml").write_text(THEIRS)
    (folder / ".gitignore").write_text("secret/\n")
    (folder / "README.md").write_text("Theirs.\n")
    (folder / "pyproject.toml").write_text('[project]\nname = "theirs"\nversion = "3"\n')
    run("git add -A", folder)
    run("git commit -qm Theirs", folder)
    return folder


def test_a_new_project_is_whole_and_committed(tmp_path: Path) -> None:
    started = init(Path("My Model 2"))
    folder = tmp_path / "My Model 2"
    assert {path.name for path in folder.iterdir()} == TOP
    assert (started.name, started.package) == ("my-model-2", "my_model_2")
    assert (folder / "src/my_model_2/__init__.py").exists()
    assert run("git status --porcelain", folder) == ""
    assert read_params(folder / "params.yaml")["export"]["model_name"] == "my-model-2"
    assert {*run("git ls-files", folder).split()} == {
        file.path for file in started.files if file.action == "new"
    }
    # Nothing of this machine, and nothing that was left to fill in.
    told = b"".join(files_of(folder).values())
    assert str(tmp_path).encode() not in told and b"my-project" not in told
    assert b"STEMMA_VERSION" not in told


def test_the_tests_of_a_new_project_pass(tmp_path: Path) -> None:
    init(Path("model"))
    told = run(f"{sys.executable} -m pytest -q -p no:cacheprovider", tmp_path / "model")
    assert "6 passed" in told


def test_a_dry_run_shows_the_same_and_writes_nothing(tmp_path: Path) -> None:
    shown = init(Path("model"), dry_run=True)
    assert shown.commit is None and not (tmp_path / "model").exists()
    assert shown.files == init(Path("model")).files


def test_a_second_time_is_refused(tmp_path: Path) -> None:
    init(Path("model"))
    Path("model/new.txt").write_text("")
    with pytest.raises(StemmaError, match="model is a project of Stemma already"):
        init(Path("model"))


def test_in_a_repository_nothing_is_overwritten(repository: Path) -> None:
    before = files_of(repository)
    started = init(repository)
    after = files_of(repository)
    action = {file.path: file.action for file in started.files}
    assert action["README.md"] == "kept" and after["README.md"] == before["README.md"]
    for path in ("dvc.yaml", ".gitignore", ".dvcignore", "pyproject.toml", ".dvc/config"):
        assert action[path] == "added to"
        lines = after[path].splitlines()
        assert all(line in lines for line in before[path].splitlines()), path
    assert "train" in run("dvc stage list --name-only", repository).split()
    assert "fit" in run("dvc stage list --name-only", repository).split()
    assert "cache.type=copy" in run("dvc config --list", repository)
    assert "hydra.enabled=true" in run("dvc config --list", repository)


@pytest.mark.parametrize(
    "theirs",
    [
        "stages:\n  fit:\n    cmd: x\n",
        "stages: {fit: {cmd: x}}\n",
        "stages:\n    fit:\n        cmd: x\nplots:\n- a.csv\n",
        "plots:\n  a.csv:\n    x: b\nstages:\n  fit:\n    cmd: x\n",
        "params: [a.yaml]\n\n# of models\nartifacts:\n  mine: {path: a}\n",
        "",
    ],
)
def test_a_pipeline_is_added_to_however_it_is_written(theirs: str) -> None:
    before = yaml.safe_load(theirs) or {}
    both = yaml.safe_load(pipeline.added_to(theirs))
    ours = yaml.safe_load(pipeline.text())
    assert {*both} == {*before, *ours}
    for section in ("stages", "artifacts"):
        assert both[section] == {**before.get(section, {}), **ours[section]}
    names = [name for one in ours["plots"] for name in one]
    assert all(any(name in one for one in both["plots"]) for name in names)
    assert len(both["plots"]) == len(names) + len(before.get("plots", ()))


def test_only_its_own_files_are_committed(repository: Path) -> None:
    (repository / ".git/info/exclude").write_text("private\n")
    (repository / "private").write_text("mine\n")
    started = init(repository)
    changed = run("git show --format= --name-only HEAD", repository).split()
    assert {*changed} == {file.path for file in started.files if file.action != "kept"}
    assert run("git status --porcelain", repository) == ""


def test_in_a_folder_of_a_repository(repository: Path) -> None:
    with pytest.raises(StemmaError, match=r"another project, theirs .*--subdir"):
        init(repository / "models/chat")
    before = files_of(repository)
    init(repository / "models/chat", subdir=True)
    assert before.items() <= files_of(repository).items()
    assert (repository / "models/chat/.dvc/config").exists()
    assert run("git status --porcelain", repository) == ""


@pytest.mark.parametrize(
    ("path", "text", "line"),
    [
        ("notes.txt", "new", "notes.txt in theirs is not committed"),
        ("dvc.yaml", "stages: [", "dvc.yaml cannot be read"),
        ("dvc.yaml", "stages: {train: {cmd: x}}", "stages of the same name: train"),
        ("params.yaml", "lr: 1", "params.yaml in .* would be overwritten"),
        ("pyproject.toml", "[", "pyproject.toml cannot be read"),
        ("conf", "a file", "conf is no folder"),
    ],
)
def test_what_is_in_the_way_is_said(repository: Path, path: str, text: str, line: str) -> None:
    (repository / path).write_text(text)
    if path != "notes.txt":
        run("git add -A", repository)
        run("git commit -qm More", repository)
    before = files_of(repository)
    with pytest.raises(StemmaError, match=line):
        init(repository)
    assert files_of(repository) == before


@pytest.mark.parametrize("name", ["json", "class", "stemma", "…"])
def test_a_name_that_no_package_can_have(name: str) -> None:
    with pytest.raises(StemmaError, match="a package cannot be called"):
        init(Path("model"), name)
    assert not Path("model").exists()


def test_a_file_or_a_folder_that_cannot_be_written() -> None:
    Path("file").write_text("")
    with pytest.raises(StemmaError, match="file is a file, not a folder"):
        init(Path("file/model"))
    with pytest.raises((StemmaError, OSError)):
        init(Path("/proc/model"))


@pytest.mark.parametrize("where", ["new", "repository"])
def test_what_fails_half_way_is_taken_back(
    where: str, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from stemma.starting import project

    def fail(*_: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(project, "_commit", fail)
    folder = Path("new/model") if where == "new" else repository
    before = files_of(folder)
    with pytest.raises(KeyboardInterrupt):
        init(folder)
    assert files_of(folder) == before and not Path("new").exists()
    assert run("git status --porcelain", repository) == ""


def test_the_command_says_what_to_type(tmp_path: Path) -> None:
    told = run("stemma init model", tmp_path)
    assert told.endswith("type `cd model && dvc repro`\n")
    shown = json.loads(run("stemma init other --dry-run --json", tmp_path))
    assert {*shown} == {field.name for field in dataclasses.fields(Started)}
    assert len(run("stemma init model", tmp_path, check=False).splitlines()) == 1
