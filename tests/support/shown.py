"""The page on a version of a history made by hand."""

import json
from typing import Any

import pytest
from history import History

from stemma.pages.version import show
from stemma.store.version import resolve
from stemma.versions.verbs.show import facts_of


def facts(history: History, revision: str = "HEAD") -> dict[str, Any]:
    return facts_of(resolve(revision, history.root), history.root)


def page(facts: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    show(facts)
    return capsys.readouterr().out


def words(text: str) -> str:
    """Return a page as one line, wherever it was broken."""
    return " ".join(text.split())


def write(history: History, path: str, content: str | dict[str, Any]) -> None:
    file = history.root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content if isinstance(content, str) else json.dumps(content))
