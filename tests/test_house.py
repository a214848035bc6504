"""The rules that keep the house a house."""

import ast
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from project import ROOT

SOURCE = ROOT / "src"
STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
README = (ROOT / "README.md").read_text()
WITHOUT_SAYING = {
    *("CONTRIBUTING.md", "LICENSE", "Makefile", "README.md", "pyproject.toml"),
    "src/stemma/__init__.py",
}
MODULES = sorted(SOURCE.rglob("*.py"))


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_the_environment(stage):
    assert ("environment.lock" in STAGES[stage]["deps"]) == (stage != "compose")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_budgets(path):
    text = path.read_text()
    assert text.count("\n") < 300
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno - node.lineno < 50, f"{node.name} is too long"


def tracked() -> list[Path]:
    done = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    return [path for path in map(Path, done) if not path.parts[0].startswith(".")]


def test_the_readme_draws_the_tree_that_is_there():
    block = README.partition("## The tree\n\n```\n")[2].partition("```")[0]
    drawn, folder = set(), ""
    for line in block.splitlines():
        name = line.split()[0]
        folder = folder if line.startswith(" ") else name
        drawn.add(folder if folder == name else folder + name)
    there = set()
    for path in tracked():
        depth = {("src", "stemma"): 3, ("src", "hydra_plugins"): 2}.get(path.parts[:2], 1)
        there.add("/".join(path.parts[:depth]) + "/" * (len(path.parts) > depth))
    # Git has nothing of models/, which is made.
    assert drawn == (there | {"models/", "src/stemma/"}) - WITHOUT_SAYING


def test_what_the_readme_says_to_edit_is_there():
    rows = README.partition("| to change | edit |\n|---|---|\n")[2].partition("\n\n")[0]
    for row in rows.splitlines():
        told = re.findall("`([^`]+)`", row.split("|")[2])
        # No option, no key of a file, no command.
        places = [
            one for one in told if not one.startswith("-") and one[-1] != ":" and " " not in one
        ]
        assert all(any(ROOT.glob(place)) for place in places), row
        assert places, row


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_texts_are_shown_and_read_in_one_way(path):
    """Users' texts are no markup, JSON is strict, and what a command says is UTF-8 anywhere."""
    if path.name in ("streams.py", "printing.py"):
        return
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            name, given = ast.unparse(node.func), {word.arg for word in node.keywords}
            assert name != "print" or "file" in given, "say(), console() or print_json()"
            assert "markup" not in name and "markup" not in given
            if name.startswith("subprocess."):
                assert not given & {"text", "universal_newlines"}, "give encoding and errors"
            if name.endswith((".read_text", ".write_text")):
                assert "encoding" in given, "the locale's would be taken"
