import shutil
from pathlib import Path

import pytest
import versioned
from project import Project, once


@pytest.fixture(scope="session")
def versions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    def make(folder: Path) -> None:
        folder.mkdir()
        versioned.lay_out(folder / "project")

    return once(tmp_path_factory, "versioned", make) / "project"


@pytest.fixture
def copied(history: Path, tmp_path: Path) -> Project:
    """A copy of it to work in; what is not in its cache stands in ``tmp_path/store``."""
    shutil.copytree(history.with_name("store"), tmp_path / "store")
    return Project(Path(shutil.copytree(history, tmp_path / "project", symlinks=True)))


@pytest.fixture
def repo(versions: Path, tmp_path: Path) -> Project:
    """A copy to work in; its remote is tmp_path/store."""
    return versioned.copy(versions, tmp_path)
