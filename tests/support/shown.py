"""The page on a version of a history made by hand."""

import json
from typing import Any

import pytest
from history import History

from stemma.cli.show import draw
from stemma.versions.verbs.show import show


def facts(history: History, revision: str = "HEAD") -> dict[str, Any]:
    return show(revision, history.root)


def page(facts: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    draw(facts)
    return capsys.readouterr().out


def words(text: str) -> str:
    """Return a page as one line, wherever it was broken."""
    return " ".join(text.split())


def write(history: History, path: str, content: str | dict[str, Any]) -> None:
    file = history.root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content if isinstance(content, str) else json.dumps(content))
