"""`stemma.versions` as Python sees it: its functions, and that they return what `--json` prints."""

import dataclasses
import doctest
import inspect
import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import known
import pytest
from click.testing import CliRunner
from project import ROOT

from stemma import versions
from stemma.cli import group as cli
from stemma.cli import main
from stemma.pages.printing import print_json

VERBS = ["bisect", "diff", "forget", "fsck", "gc", "log", "show", "status", "trace", "verify"]
HEAVY = ("click", "dvc", "numpy", "pyarrow", "rich", "torch", "transformers")


def test_the_functions_are_these():
    assert versions.__all__ == VERBS
    assert set(VERBS) <= set(dir(versions))
    with pytest.raises(AttributeError, match=r"'stemma.versions' has no attribute 'logs'"):
        _ = versions.logs


@pytest.mark.parametrize("verb", VERBS)
def test_each_is_a_function_that_says_what_it_takes_and_gives(verb: str):
    function = getattr(versions, verb)
    assert inspect.isfunction(function) and function.__name__ == verb
    assert function.__module__ == f"stemma.versions.verbs.{verb}"
    assert inspect.getdoc(function)
    signature = inspect.signature(function)
    for parameter in signature.parameters.values():
        assert parameter.annotation is not parameter.empty, parameter
    assert signature.return_annotation not in (signature.empty, None, "None")


@pytest.mark.parametrize("verb", VERBS)
def test_each_is_a_command_too(verb: str):
    assert verb in cli.VERBS


def test_to_import_them_costs_nothing():
    code = "import sys; import stemma.versions; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    modules = {name.split(".")[0] for name in done.stdout.split()}
    assert not modules & set(HEAVY)
    assert "stemma.versions.verbs" not in done.stdout.split()


def facts(found: Any) -> Any:
    """Return what a function found as its verb's ``--json`` prints it."""
    if isinstance(found, Mapping):
        return found
    if isinstance(found, Sequence):
        return [facts(one) for one in found]
    if hasattr(found, "facts"):
        return found.facts()
    return {**dataclasses.asdict(found), "exact": found.exact}


CALLS: dict[str, tuple[Callable[[], Any], list[str]]] = {
    "log": (lambda: versions.log(everything=True), ["log", "--all"]),
    "log of a range": (lambda: versions.log("start..main"), ["log", "start..main"]),
    "log of a path": (
        lambda: versions.log("start..main", "models/trained"),
        ["log", "start..main", "models/trained"],
    ),
    "show": (lambda: versions.show("rate"), ["show", "rate"]),
    "diff": (
        lambda: versions.diff("rewritten", "rate", only=("settings", "metrics")),
        ["diff", "rewritten", "rate", "--only", "settings", "--only", "metrics"],
    ),
    "trace": (lambda: versions.trace(id=known.CHANGED), ["trace", "--id", known.CHANGED]),
    "status": (lambda: versions.status("package"), ["status", "package"]),
}


@pytest.mark.parametrize("call", CALLS)
def test_they_return_what_json_prints(
    history: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    call: str,
):
    monkeypatch.chdir(history)
    function, words = CALLS[call]
    found = function()
    told = capsys.readouterr()
    assert told.out == told.err == "", "a function prints nothing"
    printed = CliRunner().invoke(main, [*words, "--json"]).stdout
    assert len(json.loads(printed)) > 1
    print_json(facts(found))
    assert capsys.readouterr().out == printed


def test_the_page_on_it_says_what_they_give(history: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(history)
    done = doctest.testfile(str(ROOT / "docs/api.md"), module_relative=False, encoding="utf-8")
    assert done.attempted == 6 and not done.failed


def test_a_log_becomes_a_table(history: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(history)
    found = versions.log().versions
    rows = [dataclasses.asdict(version) for version in found]
    assert {tuple(row) for row in rows} == {
        tuple(field.name for field in dataclasses.fields(found[0]))
    }
    assert [row["commit"] for row in rows] == [version.commit for version in found]
