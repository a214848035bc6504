"""Write the code that each stage imports into dvc.yaml. A test holds the two together.

DVC does not follow imports, so a stage's deps must list every module whose edit could change its
outputs, and no other. `python tools/deps.py` rewrites the lines; everything else stays as it is.
"""

import ast
import re
from pathlib import Path

import grimp

SOURCE = Path("src")
PIPELINE = Path("dvc.yaml")
# What a stage imports by the name that a setting gives: its path in dvc.yaml, where DVC puts the
# setting's value in, and the modules that can stand there.
_MEASURE = {
    "tasks/${task.name}/__init__.py": "stemma.tasks.*",
    "tasks/${task.name}/encoding.py": "stemma.tasks.*.encoding",
    "tasks/${task.name}/measure.py": "stemma.tasks.*.measure",
}
CHOSEN = {
    "prepare": {
        "tasks/${task.name}/__init__.py": "stemma.tasks.*",
        "tasks/${task.name}/encoding.py": "stemma.tasks.*.encoding",
    },
    "train": {
        "families/${model.family}.py": "stemma.families.*",
        "tasks/${task.name}/__init__.py": "stemma.tasks.*",
        "tasks/${task.name}/training.py": "stemma.tasks.*.training",
    },
    "evaluate": _MEASURE,
    "export": _MEASURE,
}


def closure(stage: str) -> list[str]:
    """Return the files whose code runs when a stage runs, relative to the project's root.

    Of what a setting chooses, the path with the setting; and what any of the choices imports.
    """
    graph = grimp.build_graph("stemma", cache_dir=None, exclude_type_checking_imports=True)
    chosen = CHOSEN.get(stage, {})
    choices = {module for name in chosen.values() for module in graph.find_matching_modules(name)}
    roots = {f"stemma.stages.{stage}"} | choices
    modules = roots.union(*(graph.find_upstream_modules(root) for root in roots)) - choices
    packages = {name.rsplit(".", depth)[0] for name in modules for depth in range(1, 4)}
    files = {_file_of(name) for name in (modules | packages) - choices}
    templates = [f"{SOURCE}/stemma/{path}" for path in chosen]
    return sorted([*templates, *(file.as_posix() for file in files if _has_code(file))])


def rewrite(text: str) -> str:
    """Return dvc.yaml with the deps of every stage brought up to date."""

    def fill(match: re.Match[str]) -> str:
        lines = "".join(f"      - {file}\n" for file in closure(match["stage"]))
        return match["head"] + match["inputs"] + lines

    stage = r"(?P<head>^  (?P<stage>(?!compose)\w+):\n(?:    (?!deps:).*\n)+    deps:\n)"
    return re.sub(
        stage + r"(?P<inputs>(?:      - (?!src/).*\n)*)(?:      - src/.*\n)*",
        fill,
        text,
        flags=re.MULTILINE,
    )


def _file_of(module: str) -> Path:
    path = SOURCE / module.replace(".", "/")
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _has_code(path: Path) -> bool:
    # A package that holds nothing but its docstring changes nothing.
    return not all(isinstance(node, ast.Expr) for node in ast.parse(path.read_text()).body)


if __name__ == "__main__":
    PIPELINE.write_text(rewrite(PIPELINE.read_text()))
