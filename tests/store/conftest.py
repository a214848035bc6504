from pathlib import Path

import pytest
import versioned
from project import Project, once


@pytest.fixture(scope="session")
def versions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small repository with versions; do not change what stands in it."""

    def make(folder: Path) -> None:
        folder.mkdir()
        versioned.lay_out(folder / "project")

    return once(tmp_path_factory, "versioned", make) / "project"


@pytest.fixture
def repo(versions: Path, tmp_path: Path) -> Project:
    """A copy to work in; its remote is tmp_path/store."""
    return versioned.copy(versions, tmp_path)
