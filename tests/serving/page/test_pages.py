"""What the routes of the page serve, and what they refuse."""

import hashlib
import re
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from standin import StandIn

from stemma.errors import SettingsError
from stemma.pages import colours
from stemma.serving.api.app import app
from stemma.serving.api.server import Server
from stemma.serving.fleet import Fleet
from stemma.serving.keys import Doorkeeper, Key
from stemma.serving.metrics import Metrics
from stemma.serving.page import pages
from stemma.serving.settings import read as read_settings
from stemma.serving.votes import voter_of
from stemma.store.errors import DamagedError
from stemma.store.votes import read

BALLOT = {"a": "lm@v1.2.0", "b": "lm@v1.1.0", "choice": "equal", "blind": True, "prompt": "To be"}


@pytest.fixture
def client(server: StandIn) -> TestClient:
    return TestClient(server.app())


def test_every_file_is_served_and_nothing_else_is_asked_for(client: TestClient):
    whole = client.get("/").text
    for name in pages.FILES:
        answer = client.get(f"/page/{name}")
        assert answer.status_code == 200 and answer.text
        kind = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
        assert answer.headers["content-type"].startswith(kind[name.rpartition(".")[2]])
        whole += answer.text
    folder = {path.name for path in Path(pages.__file__).parent.iterdir() if path.is_file()}
    assert folder == {*pages.FILES, "index.html", "pages.py", "__init__.py"}
    asked = re.findall(r"""(?:src|href|from|import)[= ]"([^#"]+)\"""", whole)
    assert {one.removeprefix("page/").removeprefix("./") for one in asked} <= {*pages.FILES}
    assert client.get("/page/pages.py").status_code == 404


def test_nothing_is_inline_and_nothing_from_elsewhere(client: TestClient):
    answer = client.get("/")
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'self';") and "unsafe" not in policy
    assert not re.search(r"<style|<script(?![^>]*src=)| on\w+=| style=", answer.text)
    scripts = "".join(client.get(f"/page/{name}").text for name in pages.FILES)
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", scripts)


def test_the_colours_are_those_of_every_page(client: TestClient, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(colours.DARK, "ink", "#010203")
    css = client.get("/page/page.css").text
    assert "--ink: #010203;" in css and f"--bad: {colours.LIGHT['bad']};" in css
    used = set(re.findall(r"var\(--(\w+)\)", css))
    assert used <= colours.LIGHT.keys()
    assert not re.search(r"#[0-9a-f]{3,6}\b", css.partition("* { box-sizing")[2])


def test_about(client: TestClient, server: StandIn):
    assert client.get("/page/about").json() == server.about
    assert client.get("/page/about?model=lm@v1.1.0").status_code == 200
    refused = client.get("/page/about?model=nobody")
    assert refused.status_code == 400
    assert refused.json()["error"]["message"] == "'nobody' is not served"


def test_a_torn_version_is_an_error_of_the_server():
    def tell(_: str | None):
        raise DamagedError("metrics.json is torn", "`dvc repro`")

    app = FastAPI()
    app.include_router(pages.router(tell, lambda *_: None))  # type: ignore[arg-type]
    answer = TestClient(app).get("/page/about")
    assert answer.status_code == 500
    assert answer.json()["error"]["message"] == "metrics.json is torn (`dvc repro`)"


def test_a_vote_is_kept(client: TestClient, server: StandIn):
    headers = {"Authorization": "Bearer sk-secret"}
    answer = client.post("/page/votes", json=BALLOT, headers=headers)
    assert answer.status_code == 200
    (vote,) = read(server.votes).votes
    assert answer.json()["id"] == vote.id
    assert vote.choice == "equal" and vote.blind and vote.a == server.sides()[0]
    assert vote.voter == voter_of("sk-secret") != voter_of("sk-other")
    content = server.votes.read_text()
    assert "To be" not in content and "sk-secret" not in content


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"b": "lm@v1.2.0"}, 400),
        ({"b": "lm@v9.9.9"}, 400),
        ({"choice": "both"}, 422),
        ({"blind": "yes"}, 422),
        ({"a": ""}, 422),
        ({"text": "more"}, 422),
        ({"prompt": None}, 422),
    ],
)
def test_no_vote_is_kept_of_what_is_none(
    client: TestClient, server: StandIn, changed: dict, status: int
):
    answer = client.post("/page/votes", json=BALLOT | changed)
    # What is no ballot at all is refused by the server's own handler, as every body is.
    assert answer.status_code == status
    assert not server.votes.exists()


def test_half_a_character_is_no_reason_to_fail(client: TestClient, server: StandIn):
    raw = b'{"a":"lm@v1.2.0","b":"lm@v1.1.0","choice":"a","blind":false,"prompt":"\\ud800"}'
    answer = client.post("/page/votes", content=raw, headers={"Content-Type": "application/json"})
    assert answer.status_code in (200, 422)


def test_both_sides_the_same_is_said_clearly(client: TestClient):
    answer = client.post("/page/votes", json=BALLOT | {"b": "lm@v1.2.0"})
    assert answer.json()["error"] == {
        "message": "both sides are 'lm@v1.2.0' (vote between two versions)",
        "type": "invalid_request_error", "param": None, "code": None,
    }  # fmt: skip
    assert issubclass(SettingsError, Exception)


def test_the_page_is_open_and_what_it_asks_is_not(tmp_path: Path):
    settings = read_settings(tmp_path)
    key = Key("ada", hashlib.sha256(b"sk-secret").hexdigest(), None)
    client = TestClient(app(Server(Fleet(), settings, Metrics(), Doorkeeper([key]))))
    for name in pages.FILES:
        assert client.get(f"/page/{name}").status_code == 200
    assert client.get("/").status_code == 200
    asked = {"/page/about": client.get, "/page/votes": client.post}
    for path, ask in asked.items():
        assert ask(path).status_code == 401
    headers = {"Authorization": "Bearer sk-secret"}
    assert client.get("/page/about", headers=headers).status_code == 503, "nothing is served yet"
