"""From a prompt to `stemma diff`: two registered versions, a real server, the page, a vote."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import talking
from browser import Browser, needs_browser
from released import Released
from served import Served, serving

pytestmark = needs_browser


@pytest.fixture(scope="module")
def released(voices: Path, tmp_path_factory: pytest.TempPathFactory) -> Released:
    """The model beta in production, alpha beside it."""
    made = Released(tmp_path_factory.mktemp("story") / "project")
    for word in ("alpha", "beta"):
        files = {path.name: path.read_bytes() for path in (voices / word).iterdir()}
        made.make(exported={**files, "README.md": f"# {word}\n".encode()})
        name = made.json("register", "--bump", "minor")["version"]
        for stage in ("staging", "prod"):
            made.run("promote", name, stage)
    return made


@pytest.fixture(scope="module")
def server(released: Released) -> Iterator[Served]:
    first, _ = versions(released)
    with serving(released.root, "--also", first, "--set", "smoke=[hello]") as one:
        yield one


def versions(released: Released) -> list[str]:
    return released.git("tag", "--list", "lm@*").split()


def test_a_vote_on_the_page_is_seen_in_a_diff(released: Released, server: Served, tmp_path: Path):
    first, second = versions(released)
    page = Browser(tmp_path / "profile")
    try:
        page.open(f"{server.url}/")
        page.wait(f"document.title === '{second} · Stemma'")
        assert page.text("#current") == f"{second} on prod"
        page.wait("document.activeElement.id === 'text'")
        page.evaluate("document.getElementById('temperature').value = '0'")
        page.type("hello")
        page.press("Enter")
        page.wait("document.getElementById('state').textContent === 'Answered.'")
        assert page.text("#chat-log .answer .text").strip() == talking.answer("beta")
        page.evaluate("location.hash = '#beside'")
        page.wait("!document.getElementById('view-beside').hidden")
        page.evaluate("document.getElementById('text').focus()")
        page.type("who are you?")
        page.press("Enter")
        page.wait("document.querySelectorAll('.vote button').length === 3")
        said = [page.text(f".sides .answer:nth-child({side}) .text").strip() for side in (1, 2)]
        assert said == [talking.answer("beta"), talking.answer("alpha")]
        page.evaluate("document.querySelector('.vote button').click()")
        page.wait("document.querySelector('.kept')")
        page.evaluate("location.hash = '#version'")
        page.wait("document.querySelector('.card')")
        assert page.text(".card").strip() == "beta"
        assert released.git("rev-parse", "HEAD")[:10] in page.text("#version-told")
        assert page.console == []
    finally:
        page.close()
    found = released.json("diff", first, second, "--only", "votes")["sections"]["votes"]
    assert (found["a"], found["b"], found["votes"], found["blind"]) == (0, 1, 1, 0)
    kept = (released.root / "runs/votes.jsonl").read_text()
    assert first in kept and second in kept and "who are you" not in kept


def test_what_the_page_asks_answers_errors_as_the_api_does(server: Served):
    refused = server.get("/page/about?model=nobody")
    assert refused.status_code == 404
    assert refused.json()["error"]["code"] == "model_not_found"
    refused = server.post("/page/votes", {"a": "x"})
    assert refused.status_code == 400
    assert refused.json()["error"]["code"] == "missing_required_parameter"
    ballot = {"a": "x", "b": "y", "choice": "a", "blind": False, "prompt": ""}
    refused = server.post("/page/votes", ballot)
    assert refused.status_code == 400 and "'x' is not served" in refused.json()["error"]["message"]
    described = server.get("/openapi.json").json()["paths"]
    assert {"/page/about", "/page/votes"} <= described.keys() and "/" not in described
