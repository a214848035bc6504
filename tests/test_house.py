"""The rules that keep the house a house."""

import ast
import subprocess
from functools import cache
from pathlib import Path

import grimp
import pytest
import yaml

from conftest import ROOT

SOURCE = ROOT / "src"
STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
MODULES = sorted(SOURCE.rglob("*.py"))


@cache
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("stemma", cache_dir=None)


def file_of(module: str) -> Path:
    path = SOURCE / module.replace(".", "/")
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def has_code(path: Path) -> bool:
    body = ast.parse(path.read_text()).body
    return not all(isinstance(node, ast.Expr) for node in body)


def closure(module: str) -> list[str]:
    """The files whose code runs when a module is imported, with all it imports at any time."""
    modules = {module} | graph().find_upstream_modules(module)
    packages = {
        ".".join(name.split(".")[:i]) for name in modules for i in range(1, name.count(".") + 1)
    }
    files = {file_of(name) for name in modules | packages}
    return sorted(f.relative_to(ROOT).as_posix() for f in files if has_code(f))


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_exactly_the_code_that_it_imports(stage):
    module = "stemma.composition" if stage == "compose" else f"stemma.stages.{stage}"
    declared = sorted(dep for dep in STAGES[stage]["deps"] if dep.startswith("src/"))
    wanted = closure(module)
    if stage == "compose":
        wanted = sorted([*wanted, "src/hydra_plugins/stemma/__init__.py"])
    lines = "\n".join(f"      - {file}" for file in wanted)
    assert declared == wanted, f"the deps of {stage} in dvc.yaml must be:\n{lines}"


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
