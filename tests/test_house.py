"""The rules that keep the house a house."""

import ast
import subprocess

import pytest
import yaml
from project import ROOT

SOURCE = ROOT / "src"
STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
MODULES = sorted(SOURCE.rglob("*.py"))


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_the_environment(stage):
    assert "environment.lock" in STAGES[stage]["deps"] or stage == "compose"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_budgets(path):
    text = path.read_text()
    assert text.count("\n") < 300
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno - node.lineno < 50, f"{node.name} is too long"


def test_the_readme_draws_the_tree_that_is_there():
    readme = (ROOT / "README.md").read_text()
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    folders = {path.split("/")[0] for path in tracked if "/" in path}
    for folder in folders - {".ci", ".dvc"}:
        assert f"{folder}/" in readme, f"README.md does not show {folder}/"
    for module in (SOURCE / "stemma").iterdir():
        if module.name != "__pycache__" and module.name != "__init__.py":
            assert module.name in readme, f"README.md does not show {module.name}"


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
