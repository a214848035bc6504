import os
from pathlib import Path

import pytest
from project import environment


@pytest.fixture
def user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Somebody whom Git knows, in a folder that is empty."""
    for key, value in environment().items():
        if os.environ.get(key) != value:
            monkeypatch.setenv(key, value)
    monkeypatch.chdir(tmp_path)
