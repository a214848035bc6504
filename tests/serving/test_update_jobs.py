"""The jobs in deploy/ci: what they type is there, and they end as they say."""

import re

import click
import pytest
import yaml
from project import ROOT

from stemma.cli import main

JOBS = sorted((ROOT / "deploy/ci").glob("*.yaml"))


def commands(text: str) -> list[str]:
    """Return the verb and the options of each command of stemma."""
    return re.findall(r"bin/stemma ([^\n;|>]+)", text)


@pytest.mark.parametrize("path", JOBS, ids=lambda path: path.name)
def test_what_a_job_types_is_there(path):
    text = path.read_text(encoding="utf-8")
    assert yaml.safe_load(text)
    found = commands(text)
    assert {one.split()[0] for one in found} == {"watch", "update"}
    for one in found:
        verb, *words = one.split()
        command = main.get_command(click.Context(main), verb)
        assert command
        options = {name for option in command.params for name in option.opts}
        assert {word for word in words if word.startswith("--")} <= options, one


def test_only_one_runs_at_a_time():
    github, gitlab = (
        next(yaml.safe_load(path.read_text()) for path in JOBS if name in path.name)
        for name in ("github", "gitlab")
    )
    assert github["concurrency"] and gitlab["update"]["resource_group"]
