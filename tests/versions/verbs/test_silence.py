"""The verbs called as functions: they print nothing, and return what --json prints."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import versioned
from project import Project

from stemma.pages.printing import print_json
from stemma.versions.verbs.fsck import fsck
from stemma.versions.verbs.gc import gc, holding
from stemma.versions.verbs.show import show
from stemma.versions.verbs.status import status
from stemma.versions.verbs.verify import keep, verify
from stemma.versions.verification.bounds import DEFAULT
from stemma.versions.verification.notes import read

CALLS: dict[str, Callable[[Path], Any]] = {
    "show HEAD": lambda root: show("HEAD", root),
    "verify v1": lambda root: verify("v1", root=root),
    "verify --stage train --twice": lambda root: verify(stage="train", twice=True, root=root),
    "fsck": lambda root: fsck(root=root),
    "fsck --remote store": lambda root: fsck("store", root=root),
    "gc --unpushed": lambda root: gc(unpushed=True, root=root),
    "status": lambda root: status(root=root),
    "status v1": lambda root: status("v1", root),
}


@pytest.fixture
def repo(repo: Project) -> Project:
    """Its cache has what no version refers to, and its working tree an edit."""
    (repo.path / "params.yaml").write_text("rate: 9\n")
    repo.run("dvc repro -q")
    versioned.back(repo)
    (repo.path / "reports/metrics.json").write_text('{"loss": 2.0}')
    repo.commit("With a metric")
    (repo.path / "notes").write_text("not committed")
    return repo


@pytest.mark.parametrize("words", CALLS)
def test_a_verb_is_silent_and_returns_what_json_prints(
    repo: Project, words: str, capfd: pytest.CaptureFixture[str]
):
    found = CALLS[words](repo.path)
    assert capfd.readouterr() == ("", "")
    verb, *options = words.split()
    print_json(found if isinstance(found, dict) else found.as_dict())
    printed = capfd.readouterr().out
    told = repo.run(["stemma", verb, "--json", *options], check=False).stdout
    assert printed == told
    assert len(json.loads(told)) > 2


def test_what_can_go_is_deleted_on_request_only(repo: Project, capfd: pytest.CaptureFixture[str]):
    plan = gc(unpushed=True, root=repo.path)
    assert len(plan.objects) == 2 and "model.safetensors" in plan.names.values()
    assert gc(root=repo.path).unpushed == 2
    with holding(unpushed=True, root=repo.path) as held:
        assert held.plan == plan and not plan.deleted
        assert held.delete().deleted
    assert gc(unpushed=True, root=repo.path).objects == {}
    assert capfd.readouterr() == ("", "")


def test_progress_goes_to_who_asks_for_it(repo: Project, capfd: pytest.CaptureFixture[str]):
    lines: list[str] = []
    found = verify("v1", tell=lines.append, root=repo.path)
    assert lines == [
        f"the working tree has changes; what is verified is the commit {found.commit[:10]}",
        "rebuilding train, stage 1 of at most 1",
    ]
    keep(found, DEFAULT, repo.path)
    assert [note.verdict for note in read(found.commit, repo.path)] == [found.verdict]
    assert capfd.readouterr() == ("", "")
