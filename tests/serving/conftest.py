"""Tiny models that talk, made once, and a server of one of them for each file of tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import talking
from project import once
from served import Served, lay_down, serving


@pytest.fixture(scope="session")
def voices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders with models: alpha and beta say who they are, classes is a classifier."""

    def make(folder: Path) -> None:
        for word in ("alpha", "beta"):
            lay_down(folder / word, talking.files(word))
        lay_down(folder / "classes", talking.files("classes", labels=("good", "bad", "ugly")))

    return once(tmp_path_factory, "voices", make)


@pytest.fixture(scope="module")
def server(voices: Path) -> Iterator[Served]:
    """A server of alpha."""
    with serving(voices, "--path", "alpha", "--set", "smoke=[hello]") as one:
        yield one
