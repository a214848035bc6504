"""conf/, params.yaml and code.lock say the same."""

from pathlib import Path

from stemma import composition


def test_the_settings_are_composed(monkeypatch):
    monkeypatch.chdir(Path(__file__).parents[1])
    assert composition.differences() == []
