"""A page that was made by hand, in each of its three forms."""

import re

import pytest

from stemma.pages import colours, terminal
from stemma.pages.blocks import (
    Bars,
    Cell,
    Heatmap,
    Histogram,
    Intervals,
    SideBySide,
    Table,
    Text,
)
from stemma.pages.html import html
from stemma.pages.markdown import markdown
from stemma.pages.page import ComparisonPage

BLOCKS = (
    Text("A paragraph."),
    Table("A table", ("key", "number"), (("x", Cell("1.5", "worse")),), frozenset({1})),
    Heatmap("A heatmap", ("0", "1"), ("mlp",), ((0.25,), (None,)), "shares"),
    Histogram("A histogram", (-1.0, 0.0, 1.0), (3, 4), ("better", "worse"), "nats", "documents"),
    Bars("Some bars", ("08:00", "09:00"), (("up", "better", (3.0, None)),), "thumbs"),
    Intervals("Intervals", (("length", -1.0, 0.5, 9.0, "worse"),), "thresholds"),
    SideBySide("Texts", ("old", "new"), (Cell("gone", "removed"),), (Cell("come", "added"),)),
)
PAGE = ComparisonPage(
    title="v1 → v2",
    subjects=(("v1", "0123456789, 2026-11-27, Ada: first"), ("v2", "")),
    headline=(Cell("Worse: loss +0.1.", "worse"),),
    points=(Cell("Loss rose.", "worse"), Cell("1 setting changed.")),
    remark="Equal: data.",
    sections={"metrics": BLOCKS, "settings": (Text("Another paragraph."),)},
    missing={"weights": "they are <nowhere>"},
)
TOLD = ("A paragraph.", "Another paragraph.", "A table", "1.5", "A heatmap", "0.25", "A histogram",
        "Some bars", "08:00", "Intervals", "+0.50 (−1.00 to +9.00)")  # fmt: skip


def test_the_terminal(capsys: pytest.CaptureFixture[str]):
    terminal.show(PAGE)
    told = capsys.readouterr().out
    rules = re.findall(r"^(\w+) ─", told, re.M)
    assert rules == ["metrics", "settings", "weights", "verdict"], "the verdict is last"
    assert told.startswith("v1  0123456789, 2026-11-27, Ada: first\nv2\n")
    assert "missing: they are <nowhere>" in told
    assert "Worse: loss +0.1.\n• Loss rose." in told and told.rstrip().endswith("Equal: data.")
    assert all(one in told for one in (*TOLD, "gone", "come"))


def test_markdown():
    told = markdown(PAGE)
    assert told.startswith("## v1 → v2\n\n- v1: 0123456789, 2026-11-27, Ada: first\n\n")
    assert re.findall(r"^### (\w+)$", told, re.M) == ["Metrics", "Settings", "Weights"]
    assert "**missing:** they are \\<nowhere\\>" in told
    assert "**Worse: loss +0.1.**\n\n- Loss rose.\n- 1 setting changed.\n\nEqual: data." in told
    assert all(one in told for one in (*TOLD, "gone", "come"))


def test_html():
    told = html(PAGE)
    assert "<title>v1 → v2</title>" in told
    sections = re.findall(r'<section id="(\w+)">', told)
    assert sections == ["verdict", "metrics", "settings", "weights"]
    assert "missing: they are &lt;nowhere&gt;" in told
    assert '<p class="lead worse">Worse: loss +0.1.</p>' in told
    assert "<del>gone</del>" in told and "<ins>come</ins>" in told
    assert all(one in told for one in TOLD)


def test_the_colours_of_the_page_are_those_of_the_table(monkeypatch: pytest.MonkeyPatch):
    for theme, value in ((colours.LIGHT, "#010203"), (colours.DARK, "#040506")):
        for name in theme:
            monkeypatch.setitem(theme, name, value)
    style = re.search(r"<style>(.*?)</style>", html(PAGE), re.S)
    assert style
    assert set(re.findall(r"#[0-9a-f]{3,6}\b", style[1])) == {"#010203", "#040506"}
    used = set(re.findall(r"var\(--(\w+)\)", style[1])) - {"share", "bins"}
    assert used == colours.LIGHT.keys() == colours.DARK.keys()


def test_the_colours_of_the_terminal_are_those_of_the_table(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setitem(colours.TERMINAL, "worse", "blue")
    terminal.show(PAGE)
    assert "\x1b[1;34mWorse: loss +0.1." in capsys.readouterr().out
