"""`stemma upgrade`: the template of another Stemma, merged into what the project has become."""

from pathlib import Path

import pytest
from project import Project

from stemma.starting import template
from stemma.starting.project import init
from stemma.starting.upgrading import upgrade
from stemma.store.errors import ProjectError

pytestmark = pytest.mark.usefixtures("user")
README, IGNORED = "README.md", ".gitignore"


@pytest.fixture
def started(tmp_path: Path) -> Project:
    init(tmp_path / "my-model")
    return Project(tmp_path / "my-model")


def later(monkeypatch: pytest.MonkeyPatch, version: str, **texts: str | None) -> None:
    """Let a later Stemma be installed, whose template has these files, or lacks them."""
    before = template.files

    def files(name: str, package: str) -> dict[str, str]:
        found = before(name, package)
        for path, text in texts.items():
            path = path.replace("__", "/").replace("_md", ".md")
            if text is None:
                del found[path]
            else:
                found[path] = text.replace("{was}", found.get(path, ""))
        found["pyproject.toml"] = found["pyproject.toml"].replace('"0.1.0"', f'"{version}"')
        return found

    monkeypatch.setattr(template, "files", files)
    monkeypatch.setattr(template, "version", lambda: version)


def git(project: Project, words: str) -> str:
    return project.run(f"git {words}").stdout.strip()


def test_nothing_is_new(started: Project):
    done = upgrade(started.path)
    assert done.files == {} and done.branch is None
    assert git(started, "branch --format=%(refname:short)").count("\n") == 0


def test_what_both_changed_is_there_twice_over(started: Project, monkeypatch: pytest.MonkeyPatch):
    readme = started.path / README
    readme.write_text("My own first line.\n" + readme.read_text())
    (started.path / "conf/gates/mine.yaml").unlink()
    here = started.commit("mine")
    later(monkeypatch, "0.2.0", README_md="{was}\nA new last line.\n", docs__new_md="A new file.\n",
          data__input__README_md=None)  # fmt: skip
    tried = upgrade(started.path, dry_run=True)
    assert tried.branch is None and git(started, "rev-parse HEAD") == here
    done = upgrade(started.path)
    assert done.branch == "stemma-0.2.0" == git(started, "branch --show-current")
    assert (done.before, done.after, done.conflicts) == ("0.1.0", "0.2.0", ())
    assert done.files == tried.files == {
        README: "M", "docs/new.md": "A", "data/input/README.md": "D", "pyproject.toml": "M",
    }  # fmt: skip
    text = readme.read_text()
    assert text.startswith("My own first line.\n") and text.endswith("\nA new last line.\n")
    assert (started.path / "docs/new.md").read_text() == "A new file.\n"
    assert not (started.path / "data/input/README.md").exists()
    assert not (started.path / "conf/gates/mine.yaml").exists()  # the user took it away
    assert git(started, "status --porcelain") == ""
    assert git(started, "worktree list").count("\n") == 0
    # The next one begins where this one ended.
    later(monkeypatch, "0.3.0", README_md="{was}And one more.\n", docs__new_md=None)
    done = upgrade(started.path)
    assert (done.before, done.conflicts) == ("0.2.0", ())
    assert done.files == {README: "M", "docs/new.md": "D", "pyproject.toml": "M"}
    assert readme.read_text().endswith("A new last line.\nAnd one more.\n")


def test_a_conflict_is_marked(started: Project, monkeypatch: pytest.MonkeyPatch):
    ignored = started.path / IGNORED
    lines = ignored.read_text().splitlines()
    ignored.write_text("\n".join([f"{lines[0]} of mine", *lines[1:]]) + "\n")
    started.commit("mine")
    later(monkeypatch, "0.2.0", **{IGNORED: "\n".join(["# Theirs", *lines[1:]]) + "\n"})
    assert upgrade(started.path).conflicts == (IGNORED,)
    assert f"<<<<<<< HEAD\n{lines[0]} of mine\n=======\n# Theirs\n>>>>>>> " in ignored.read_text()
    started.run("git merge --abort")
    assert f"{lines[0]} of mine" in ignored.read_text()


def test_in_a_repository_that_was_there_what_was_theirs_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    theirs = Project(tmp_path)
    (tmp_path / README).write_text("Theirs.\n")
    (tmp_path / IGNORED).write_text("secret/\n")
    (tmp_path / "dvc.yaml").write_text("stages:\n  fit:\n    cmd: echo fit\n")
    theirs.run("git init -q -b main")
    theirs.commit("theirs")
    theirs.run("dvc init -q")
    theirs.commit("dvc")
    init(tmp_path, name="added")
    later(monkeypatch, "0.2.0", **{IGNORED: "{was}/more\n", "README_md": "Not this.\n"})
    done = upgrade(tmp_path)
    assert done.files == {IGNORED: "M", "pyproject.toml": "M"} and not done.conflicts
    assert (tmp_path / README).read_text() == "Theirs.\n"
    assert (tmp_path / IGNORED).read_text().splitlines()[0] == "secret/"
    assert (tmp_path / IGNORED).read_text().splitlines()[-1] == "/more"
    assert "echo fit" in (tmp_path / "dvc.yaml").read_text()


def test_a_project_in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    Project(tmp_path).run("git init -q -b main")
    (tmp_path / README).write_text("Of all.\n")
    Project(tmp_path).commit("all")
    init(tmp_path / "models/chat", subdir=True)
    later(monkeypatch, "0.2.0", README_md="{was}More.\n")
    done = upgrade(tmp_path / "models/chat")
    assert set(done.files) == {"models/chat/README.md", "models/chat/pyproject.toml"}
    assert (tmp_path / "models/chat" / README).read_text().endswith("More.\n")
    assert (tmp_path / README).read_text() == "Of all.\n"


def test_bad_input(started: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    later(monkeypatch, "0.2.0", README_md="{was}More.\n")
    (started.path / README).write_text("changed")
    with pytest.raises(ProjectError, match=r"README\.md is not committed"):
        upgrade(started.path)
    started.run("git checkout -q .")
    started.run("git branch stemma-0.2.0")
    with pytest.raises(ProjectError, match=r"a branch stemma-0\.2\.0 already"):
        upgrade(started.path)
    started.run("git branch -q -D stemma-0.2.0")
    started.run(["git", "clone", "-q", "--depth", "1", f"file://{started.path}", "../shallow"])
    with pytest.raises(ProjectError, match="this clone is shallow"):
        upgrade(tmp_path / "shallow")
    (started.path / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    started.commit("no table")
    with pytest.raises(ProjectError, match=r"no \[tool.stemma\]"):
        upgrade(started.path)
    (started.path / "pyproject.toml").write_text("[project\n")
    started.commit("torn")
    with pytest.raises(ProjectError, match="cannot be read"):
        upgrade(started.path)


def test_the_verb(started: Project):
    said = started.run("stemma upgrade").stdout
    assert said.endswith("is what the project has: nothing to merge\n")
