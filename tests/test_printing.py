"""A library returns, a command prints: only cli/ and pages/ know a terminal."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from project import ROOT

SOURCE = ROOT / "src/stemma"
PRINTERS = ("cli", "pages")
READERS = ("registry", "merges", "versions", "store")
# What a stage says on stderr while it runs, and what carries a line to a stream at all.
SPEAKERS = {
    "composition.py",  # overrides that are lost, said within `dvc exp run`
    "errors.py",  # an error as a line
    "modeling/training/callbacks.py",  # steps, where there is no terminal for a bar
    "modeling/processes.py",  # what a process has still to say before it is gone
    "stage.py",  # what differs from the declared environment
    "stages/prepare.py",  # what was dropped
    "stages/train.py",  # preferences that are not learned from
    "streams.py",  # say()
}
NOT_YET: set[str] = set()
"""Readers that print; each loses its line here when `cli/` does it instead."""
BARS_NOT_YET = {
    "registry/criteria/footprint.py",
    "registry/criteria/memorisation.py",
    "registry/criteria/must_pass.py",
    "registry/criteria/personal_data.py",
    "store/outputs.py",
    "versions/verbs/bisect.py",
    "versions/weights/statistics.py",
}
"""Readers that draw a bar of tqdm, not through the one helper that there is for it."""
TERMINAL = {"click", "rich"}
MODULES = sorted(
    path.relative_to(SOURCE).as_posix()
    for path in SOURCE.rglob("*.py")
    if path.relative_to(SOURCE).parts[0] not in PRINTERS
)


def imported(tree: ast.AST) -> set[str]:
    """Return the top of every module that is imported, at the top of the file or later."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {name.name.partition(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
            if node.module == "stemma.pages":
                found |= {f"stemma.pages.{name.name}" for name in node.names}
            elif node.module.startswith("stemma.pages."):
                found.add(node.module)
    return found


def prints(tree: ast.AST) -> Iterator[str]:
    """Yield what makes a module one that prints."""
    yield from sorted(imported(tree) & {*TERMINAL, "stemma.pages.printing"})
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            if name in ("print", "say", "streams.say") or name.endswith(
                (".stdout.write", ".stderr.write", "console.print")
            ):
                yield f"{name}() in line {node.lineno}"
        elif isinstance(node, ast.Attribute):
            name = ast.unparse(node)
            if name in ("sys.stdout", "sys.stderr", "sys.__stdout__", "sys.__stderr__"):
                yield f"{name} in line {node.lineno}"


def parsed(path: Path) -> ast.AST:
    return ast.parse(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("module", MODULES)
def test_only_cli_and_pages_print(module: str):
    found = list(prints(parsed(SOURCE / module)))
    if module in SPEAKERS | NOT_YET:
        assert found, "it prints no more: take it off the list"
    else:
        assert not found, "return it as data, and let cli/ print it"


@pytest.mark.parametrize(
    "module", [name for name in MODULES if name.startswith(tuple(f"{one}/" for one in READERS))]
)
def test_readers_draw_no_bars(module: str):
    assert ("tqdm" in imported(parsed(SOURCE / module))) == (module in BARS_NOT_YET)


@pytest.mark.parametrize(
    "line",
    [
        "print('x')",
        "def f():\n    from rich.table import Table",
        "import click",
        "sys.stderr.write('x')",
        "print('x', file=sys.stderr)",
        "out = sys.stdout",
        "say('x')",
        "from stemma.pages import printing",
        "from stemma.pages.printing import console",
    ],
)
def test_what_prints_is_seen(line: str):
    assert list(prints(ast.parse(line)))


def test_what_is_only_drawn_from_is_not_printing():
    assert not list(prints(ast.parse("from stemma.pages.blocks import Tone\nfingerprint(path)")))


def test_colours_stand_in_one_place():
    """A style is named by what it says; `stemma.pages.colours` says how that looks."""
    colours = re.compile(r'"(?:bold )?(?:red|green|yellow|cyan|magenta|blue|dim)"')
    rooms = ("cli", "pages")
    files = [file for room in rooms for file in (ROOT / "src/stemma" / room).rglob("*.py")]
    found = [file.name for file in files if colours.search(file.read_text(encoding="utf-8"))]
    assert found == ["colours.py"]


def test_every_style_that_is_named_is_one(capsys: pytest.CaptureFixture[str]):
    from rich.text import Text

    from stemma.pages.colours import THEME
    from stemma.pages.printing import console

    screen = console()
    for name in THEME:
        assert screen.get_style(name) is not None
    screen.print(Text("REFUSED", "alarm"))
    assert capsys.readouterr().out == "REFUSED\n"
