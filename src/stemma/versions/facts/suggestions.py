"""What to try next with the version in the working tree, as its settings and conf/ allow."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from stemma.layout import CONF
from stemma.store.lock import load

_RECIPES = CONF / "experiment"


class Suggestion(NamedTuple):
    """Something to do, and the command that does it."""

    aim: str
    command: str


def suggestions(settings: Mapping[str, Any] | None, root: Path = Path()) -> list[Suggestion]:
    """Return what to do next, in the order in which one would.

    A setting and a recipe are suggested only where the project composes its settings from conf/.

    Args:
        settings: of the working tree, as `stemma.versions.facts.making` gives them.
        root: the project.
    """
    values = settings["values"] if settings else {}
    return [
        *(_setting(values) if (root / CONF).is_dir() else ()),
        *_recipe(values, root),
        Suggestion("compare", "dvc exp show --only-changed; stemma diff; dvc plots show"),
        Suggestion("keep this version", "git add -A && git commit -m '…'"),
        Suggestion("go back", "git checkout <commit> && dvc checkout"),
    ]


def _setting(values: Mapping[str, Any]) -> Iterator[Suggestion]:
    train = values.get("train")
    steps = train.get("steps") if isinstance(train, dict) else None
    if isinstance(steps, int) and steps > 0:
        yield Suggestion("try one setting", f"dvc exp run -S train.steps={2 * steps}")


def _recipe(values: Mapping[str, Any], root: Path) -> Iterator[Suggestion]:
    """Yield a recipe that is not in force, of the same task where there is one."""
    task = values.get("task")
    own = task.get("name") if isinstance(task, dict) else None
    usual = _choice(root / CONF / "config.yaml", "task")
    others = {
        file.stem: _choice(file, "override /task") or usual
        for file in sorted((root / _RECIPES).glob("*.yaml"))
        if file.stem != values.get("experiment")
    }
    same = [name for name, does in others.items() if does == own]
    for name in [*same, *others][:1]:
        yield Suggestion("try another recipe", f"dvc exp run -S experiment={name}")


def _choice(file: Path, key: str) -> str | None:
    """Return what a file of conf/ chooses of a group; None if it leaves that to others."""
    try:
        defaults = load(file.read_bytes()).get("defaults") or ()
        return next((one[key] for one in defaults if isinstance(one, dict) and key in one), None)
    except (OSError, yaml.YAMLError, AttributeError, TypeError):
        return None  # `stemma compose` says what is wrong with it
