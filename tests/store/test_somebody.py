import os
import subprocess
from pathlib import Path

import pytest

from stemma.store import git
from stemma.store.errors import ProjectError
from stemma.store.registry import user
from stemma.store.somebody import somebody


@pytest.fixture
def unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository on a machine where Git knows no user."""
    for key in [key for key in os.environ if key.startswith("GIT_")]:
        monkeypatch.delenv(key)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    subprocess.run(["git", "config", "user.useConfigOnly", "true"], cwd=tmp_path, check=True)
    return tmp_path


def commit(root: Path) -> str:
    git.run(["commit", "--quiet", "--allow-empty", "--message", "one"], root)
    return git.run(["log", "-1", "--format=%an <%ae> %cn <%ce>"], root).strip()


def test_a_program_signs_where_git_knows_nobody(unknown: Path) -> None:
    with pytest.raises(ProjectError):
        user(unknown)
    with somebody("stemma update", unknown):
        assert commit(unknown) == " ".join(["stemma update <update@localhost>"] * 2)
    with pytest.raises(ProjectError):
        commit(unknown)


def test_a_known_user_signs(unknown: Path) -> None:
    for key, value in (("user.name", "Ada"), ("user.email", "ada@example.org")):
        git.run(["config", key, value], unknown)
    with somebody("stemma update", unknown):
        assert commit(unknown) == " ".join(["Ada <ada@example.org>"] * 2)
