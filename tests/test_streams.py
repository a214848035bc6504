"""What is printed, on terminals that lack characters and for texts that would steer them."""

import json
import math
import os
import subprocess
import sys

import pytest

from stemma.pages.printing import console, print_json
from stemma.streams import visible

WORDS = "King → Lear − 0.5 ≤ 日本 \udce4 \N{FIGURE SPACE}…"


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [
        ("ascii", "King -> Lear - 0.5 <= ?? ?  ..."),
        ("iso-8859-1", "King -> Lear - 0.5 <= ?? ?  ..."),
        ("utf-8", "King → Lear − 0.5 ≤ 日本 ? \N{FIGURE SPACE}…"),
    ],
)
def test_what_a_terminal_lacks_is_replaced(encoding: str, expected: str):
    program = (
        "import sys; from stemma.errors import boundary\n"
        "from stemma.store.errors import ProjectError\n"
        "from stemma.streams import say\n"
        f"words = {WORDS!a}\n"
        "with boundary('stemma'):\n    say(words)\n    raise ProjectError(words)"
    )
    done = subprocess.run(
        [sys.executable, "-X", "utf8=0", "-c", program],
        env=os.environ | {"PYTHONIOENCODING": encoding, "LC_ALL": "C"},
        capture_output=True,
        check=False,
    )
    assert done.stdout.decode(encoding) == f"{expected}\n"
    assert done.stderr.decode(encoding).startswith("stemma: King ")
    assert b"Traceback" not in done.stderr and done.returncode == 1


@pytest.mark.parametrize("text", ["[/INST]", "books [old].jsonl", "[bold]x", ":heart:", "[link=x]"])
def test_texts_are_no_markup(text: str, capsys: pytest.CaptureFixture[str]):
    from rich.table import Table

    table = Table(text, title=text, caption=text)
    table.add_row(text)
    out = console()
    out.print(table)
    out.print(text)
    out.rule(text)
    assert capsys.readouterr().out.count(text) == 6


def test_nothing_steers_the_terminal(capsys: pytest.CaptureFixture[str]):
    console().print("a\x1b[2Jb\x9bc\u202e")
    assert "\x1b" not in (said := capsys.readouterr().out) and "\x9b" not in said
    assert visible("one\r\ntwo\tthree\x07") == "one\ntwo\tthree\N{REPLACEMENT CHARACTER}"


def test_json_is_what_every_parser_takes(capsys: pytest.CaptureFixture[str]):
    print_json({"a": [math.inf, (math.nan, 1.5)], "\udce4": "\ud83d", "b": {"c": -math.inf}})
    said = capsys.readouterr().out
    assert "\\ud" not in said

    def refuse(name: str) -> None:
        raise AssertionError(name)

    assert json.loads(said, parse_constant=refuse) == {
        "a": [None, [None, 1.5]], "?": "?", "b": {"c": None},
    }  # fmt: skip
