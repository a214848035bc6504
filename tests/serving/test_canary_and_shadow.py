"""A second version beside the current one: for some of the users, or for nobody."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import talking
from released import Released
from served import SECONDS, Served, serving

from stemma.monitoring.reading import records
from stemma.monitoring.store import FILE

QUICK = ("--set", "look_seconds=0.2", "--set", "smoke=[hello]")
SAID = {"lm@v1.0.0": talking.answer("alpha"), "lm@v1.1.0": talking.answer("beta")}


@pytest.fixture(scope="module")
def project(voices: Path, tmp_path_factory: pytest.TempPathFactory) -> Released:
    """alpha is v1.0.0 and stands on prod, beta is v1.1.0 and stands on staging."""
    made = Released(tmp_path_factory.mktemp("canary") / "project")
    made.in_prod(exported=_files(voices, "alpha"))
    made.candidate(exported=_files(voices, "beta"))
    return made


def _files(voices: Path, word: str) -> dict[str, bytes]:
    return {one.name: one.read_bytes() for one in (voices / word).iterdir()}


def ask(server: Served, user: str, **fields: object) -> str:
    """Return the version that answers a user, whose answer must be that version's own."""
    told = server.chat(user=user, **fields)
    assert told["choices"][0]["message"]["content"] == SAID[told["model"]]
    return told["model"]


def wait(done: Callable[[], bool]) -> None:
    until = time.monotonic() + SECONDS
    while not done():
        assert time.monotonic() < until
        time.sleep(0.1)


def test_a_canary_has_its_share_and_is_promoted_without_a_restart(project: Released):
    # That one of the tiny models foresees a prompt worse than the other means nothing.
    words = ("--canary", "lm@v1.1.0=40%", "--set", "canary.bits_per_byte=null")
    with serving(project.root, *QUICK, *words) as server:
        users = {str(number): ask(server, str(number)) for number in range(60)}
        share = [*users.values()].count("lm@v1.1.0") / 60
        assert 0.2 < share < 0.6
        assert {user: ask(server, user) for user in users} == users, "it is the same every time"
        assert ask(server, "anybody", model="lm@v1.1.0") == "lm@v1.1.0"
        roles = {one["id"]: one["role"] for one in server.get("/version").json()["models"]}
        assert roles == {"lm@v1.0.0": "current", "lm@v1.1.0": "canary"}
        engines = server.engines()
        project.run("promote", "v1.1.0", "prod")
        server.said(r"lm@v1.1.0 answers now")
        assert {ask(server, user) for user in [*users][:10]} == {"lm@v1.1.0"}
        wait(lambda: len(server.engines()) == 1)
        assert set(server.engines()) < set(engines), "the canary's engine goes on"
    roles = {one.version: one.role for one in list(records(project.root / FILE))[:60]}
    assert roles == {"lm@v1.0.0": "current", "lm@v1.1.0": "canary"}
    project.run("rollback", "prod")


def test_a_canary_that_is_worse_is_dropped(project: Released):
    """beta is as fast; what it makes of prompts is bound to be no better than by this much."""
    words = ("--canary", "v1.1.0=50%", "--set", "canary.bits_per_byte=1e-6", "--set",
             "canary.alarm=0.9", "--set", "canary.latency=50")  # fmt: skip
    with serving(project.root, *QUICK, *words) as server:
        text = "I am alpha, and glad to meet you."  # what alpha was taught to say

        def is_dropped() -> bool:
            for number in range(20):
                server.chat(text, user=str(number))
            return len(server.get("/version").json()["models"]) == 1

        wait(is_dropped)
        server.said(r"the canary lm@v1.1.0 is dropped: it foresees prompts worse by [\d.]+ bits")
        assert {ask(server, str(number)) for number in range(10)} == {"lm@v1.0.0"}
    trial = project.json("versions")["versions"][0]["trials"][-1]
    assert (trial["stage"], trial["found"]) == ("prod", "dropped")
    assert "foresees prompts worse" in trial["why"]


def test_a_shadow_is_asked_and_never_heard(project: Released):
    kept = project.root / "runs/shadow.jsonl"
    with serving(project.root, *QUICK, "--shadow", "v1.1.0") as server:
        assert {ask(server, str(number)) for number in range(6)} == {"lm@v1.0.0"}
        wait(lambda: kept.exists() and len(kept.read_text().splitlines()) == 6)
        served = [one["id"] for one in server.get("/v1/models").json()["data"]]
        assert served == ["lm@v1.0.0"], "the shadow cannot be asked for"
        assert server.chat(model="lm@v1.1.0")["error"]["code"] == "model_not_found"
        text = server.get("/metrics").text
    found = list(records(project.root / FILE))
    by_role = {role: [one for one in found if one.role == role] for role in ("current", "shadow")}
    pairs = zip(by_role["current"][-6:], by_role["shadow"], strict=True)
    for ours, theirs in pairs:
        assert theirs.id == f"{ours.id}-shadow" and theirs.prompt == ours.prompt
        assert (theirs.version, theirs.finishes) == ("lm@v1.1.0", ("stop",))
        assert theirs.completion_tokens > 1 and theirs.prompt_tokens == ours.prompt_tokens
    for line in kept.read_text().splitlines():
        record = json.loads(line)
        assert (record["current"], record["shadow"]) == ("lm@v1.0.0", "lm@v1.1.0")
        assert record["answers"] == [SAID["lm@v1.0.0"]]
        assert record["shadow_answers"] == [SAID["lm@v1.1.0"]] and not record["equal"]
        assert "hello" not in line, "no prompt is kept"
    assert 'shadow_answers_total{equal="false",model_name="lm",version="lm@v1.1.0"} 6.0' in text


def test_who_asks_for_a_signature_gets_no_version_without(project: Released):
    settings = project.root / "conf/registry.yaml"
    before = settings.read_text()
    settings.write_text(before.replace("require: evidence", "require: signed"))
    try:
        one = Served(project.root, *QUICK)
        assert one.process.wait(SECONDS) == 1
        assert "lm@v1.0.0 is not signed" in one.told()
    finally:
        settings.write_text(before)
