"""The newer ends of a scope."""

from pathlib import Path

import pytest
from history import History

from stemma.versions.history.scope import tips


@pytest.fixture
def made(tmp_path: Path) -> History:
    made = History(tmp_path)
    for tag in ("one", "two", "three"):
        made.commit({}, tag)
        made.git("tag", tag)
    return made


@pytest.mark.parametrize(
    ("scope", "newer"),
    [
        (["one..two"], ["two"]),
        (["two", "^one"], ["two"]),
        (["one..two", "one..three"], ["two", "three"]),
        (["two"], None),
        (["two", "three"], None),
        ([], None),
    ],
)
def test_the_newer_ends_of_ranges(made: History, scope: list[str], newer: list[str] | None):
    wanted = newer and [made.git("rev-parse", name) for name in newer]
    assert tips(scope, made.root) == wanted
