"""A server that follows a stage: what is put there takes over, or is not taken."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
import talking
from refusing import run
from released import Released
from served import SECONDS, Served, serving

QUICK = ("--set", "look_seconds=0.2", "--set", "smoke=[hello]")


def files(voices: Path, word: str) -> dict[str, bytes]:
    return {one.name: one.read_bytes() for one in (voices / word).iterdir()}


@pytest.fixture(scope="module")
def project(voices: Path, tmp_path_factory: pytest.TempPathFactory) -> Released:
    """alpha is v1.0.0 and stands on prod."""
    made = Released(tmp_path_factory.mktemp("following") / "project")
    made.in_prod(exported=files(voices, "alpha"))
    return made


@pytest.fixture(scope="module")
def server(project: Released) -> Iterator[Served]:
    """A server of prod."""
    with serving(project.root, *QUICK) as one:
        yield one


def put(project: Released, exported: dict[str, bytes]) -> str:
    """Make a version and put it on prod; return its name."""
    name = project.candidate(exported=exported)
    project.run("promote", name, "prod")
    return name


def voice(server: Served) -> tuple[str, str]:
    """Return what the server says, and which version it says it is."""
    body = {"model": "lm", "messages": [{"role": "user", "content": "hello"}], "temperature": 0}
    told = server.post("/v1/chat/completions", body)
    choice = told.json()["choices"][0]["message"]["content"]
    assert told.json()["model"] == told.headers["x-stemma-version"]
    return choice, told.json()["model"]


def test_it_serves_what_stands_there(server: Served, project: Released):
    assert voice(server) == (talking.answer("alpha"), "lm@v1.0.0")
    told = server.get("/version").json()
    assert (told["version"], told["stage"]) == ("lm@v1.0.0", "prod")
    evidence = project.json("versions")["versions"][0]
    assert (told["commit"], told["digest"]) == (evidence["commit"], evidence["digest"])
    assert not (project.root / "models").exists(), "the working tree was not touched"


def test_a_change_over_and_a_rollback_under_load(server: Served, project: Released, voices: Path):
    """No request is lost, and none is answered by a mix of versions."""
    right = {"lm@v1.0.0": talking.answer("alpha")}
    stop = False

    def client(number: int) -> list[tuple[int, str, str]]:
        found = []
        with httpx.Client(timeout=SECONDS) as asker:
            while not stop:
                body = {
                    "model": "lm", "messages": [{"role": "user", "content": "hello"}],
                    "temperature": 0, "stream": number % 2 == 0,
                }  # fmt: skip
                answer = asker.post(f"{server.url}/v1/chat/completions", json=body)
                found.append((answer.status_code, *_read(answer)))
        return found

    with ThreadPoolExecutor(6) as pool:
        clients = [pool.submit(client, number) for number in range(6)]
        name = put(project, files(voices, "beta"))
        server.said(f"lm@{name} answers now")
        right[f"lm@{name}"] = talking.answer("beta")
        before = len(server.log)
        project.run("rollback", "prod")
        server.said("lm@v1.0.0 answers now", before)
        time.sleep(0.3)
        stop = True
        answers = [one for each in clients for one in each.result()]
    assert {status for status, _, _ in answers} == {200}
    assert {version for _, version, _ in answers} == set(right)
    assert all(text == right[version] for _, version, text in answers)


def _read(answer: httpx.Response) -> tuple[str, str]:
    if "event-stream" not in answer.headers["content-type"]:
        told = answer.json()
        return told["model"], told["choices"][0]["message"]["content"]
    *events, last = answer.text.strip().split("\n\n")
    assert last == "data: [DONE]", answer.text
    told = [json.loads(one.removeprefix("data: ")) for one in events]
    (model,) = {one["model"] for one in told}
    return model, "".join(one["choices"][0]["delta"].get("content", "") for one in told)


def damaged(project: Released, name: str) -> None:
    """Change a file of a version, where they are kept."""
    commit = project.git("rev-parse", f"lm@{name}^{{commit}}")
    from stemma.store.version import Commit

    version = Commit(name, commit, project.root)
    kept = version.path("models/exported", "note.txt")
    kept.chmod(0o644)
    kept.write_bytes(b"TAMPERED")


@pytest.mark.parametrize("kind", ["torn", "tampered", "recalled", "silent", "code"])
def test_what_is_not_taken(server: Served, project: Released, voices: Path, kind: str):
    """The old version stays; the log, the metrics and `stemma versions` say why."""
    before = voice(server)
    exported = files(voices, "beta")
    said = {
        "torn": "cannot be loaded", "tampered": "are not those of its tag",
        "recalled": "was recalled by",
        "silent": "smoke prompt 'hello' is not answered", "code": "code that comes with the model",
    }[kind]  # fmt: skip
    if kind == "torn":
        exported["model.safetensors"] = exported["model.safetensors"][:-100]
    if kind == "silent":
        exported["model.safetensors"] = nothing(exported["model.safetensors"])
    if kind == "code":
        exported["modeling_own.py"] = b"raise SystemExit\n"
    name = project.candidate(exported=exported | {"note.txt": kind.encode()})
    lines = len(server.log)
    if kind == "recalled":
        project.run("promote", name, "prod")
        server.said(f"lm@{name} answers now")
        project.run("recall", name, "--why", "it lies")
        server.said(said, lines)
        assert voice(server)[1] == f"lm@{name}", "what runs goes on, until something else stands"
        back(server, project)
        return
    # The gates would have found most of it; here somebody forces it through.
    project.run("promote", name, "prod", "--force", "--why", "now")
    if kind == "tampered":
        # It was right when it was put there; somebody goes back to it later.
        server.said(f"lm@{name} answers now")
        back(server, project)
        damaged(project, name)
        project.run("rollback", "prod", "--to", name)
    server.said(f"lm@{name} is not taken: .*{said}")
    assert voice(server) == before
    text = server.get("/metrics").text
    assert any(said in line and "version_refused" in line for line in text.splitlines())
    told = run(project.root, "versions")
    assert f"lm@{name} was not taken by a server of prod" in told.stdout
    (trial,) = project.json("versions")["versions"][0]["trials"]
    assert said in trial["why"]
    project.run("rollback", "prod")


def back(server: Served, project: Released) -> None:
    """Go back to what stood there before, and wait for it."""
    lines = len(server.log)
    project.run("rollback", "prod")
    server.said("lm@v1.0.0 answers now", lines)


def nothing(weights: bytes) -> bytes:
    """Return weights that give no numbers."""
    import torch
    from safetensors.torch import load, save

    tensors = {name: torch.full_like(one, float("nan")) for name, one in load(weights).items()}
    return save(tensors, {"format": "pt"})


def test_what_may_not_be_served_at_all(project: Released, voices: Path):
    """It ends at once, with one line."""
    assert "nothing stands on staging9" in refusal(project, "--stage", "staging9")
    assert "has no version v9.9.9" in refusal(project, "--version", "v9.9.9")
    assert "--stage and --rev were both given" in refusal(project, "--stage", "a", "--rev", "b")
    assert "is no version and share" in refusal(project, "--canary", "v1.0.0")
    assert "no keys" in refusal(project, "--host", "0.0.0.0")


def refusal(project: Released, *words: str) -> str:
    one = Served(project.root, *words)
    assert one.process.wait(SECONDS) == 1
    (line,) = [line for line in one.log if line.startswith("stemma: ")]
    return line


def test_a_revision_and_a_version_by_name(project: Released):
    with serving(project.root, *QUICK, "--rev", "lm@v1.0.0") as one:
        assert one.get("/version").json()["commit"] == project.git(
            "rev-parse", "lm@v1.0.0^{commit}"
        )
        assert one.chat()["choices"][0]["message"]["content"] == talking.answer("alpha")


def test_a_server_elsewhere_fetches_tags_and_bytes(project: Released, voices: Path):
    """A clone has neither the tag of the change nor the bytes of the version."""
    project.git("push", "-q", "--tags", "origin")
    elsewhere = project.clone("elsewhere")
    with serving(elsewhere.root, *QUICK, "--fetch", "--set", "fetch_seconds=0.3") as one:
        assert voice(one)[1] == "lm@v1.0.0"
        name = put(project, files(voices, "beta") | {"note.txt": b"pushed"})
        project.git("push", "-q", "--tags", "origin")
        one.said(f"lm@{name} answers now")
        assert voice(one) == (talking.answer("beta"), f"lm@{name}")
        # Where the remote is away, what runs goes on.
        origin = project.root.with_name("origin.git")
        origin.rename(origin.with_name("away.git"))
        try:
            one.said("prod cannot be followed: ")
            assert voice(one)[1] == f"lm@{name}"
        finally:
            origin.with_name("away.git").rename(origin)
    project.run("rollback", "prod")
