"""One browser for each file of tests; a server whose versions are scripted for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import Browser
from paged import READY
from standin import StandIn, served


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    browser = Browser(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


@pytest.fixture
def server(tmp_path: Path) -> StandIn:
    return StandIn(tmp_path / "runs/votes.jsonl")


@pytest.fixture
def page(browser: Browser, server: StandIn) -> Iterator[Browser]:
    """The page of a new server, on a port of its own: nothing is remembered."""
    with served(server.app()) as url:
        browser.console.clear()
        browser.open(f"{url}/")
        browser.wait(READY)
        yield browser
