"""What the package brings for projects: groups of settings, and the environment they were tried in.

In a checkout these stand at its top, as in any project; in the wheel, in the package.
"""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def path(name: str) -> Path:
    """Return where something stands that the wheel holds, such as ``conf``."""
    inside = _PACKAGE / name
    return inside if inside.exists() else _PACKAGE.parents[1] / name


def choices(group: str) -> list[str]:
    """Return the names of the files that the package has in a group of settings."""
    return sorted(file.stem for file in path("conf").joinpath(group).glob("*.yaml"))


def chosen(name: str, conf: Path) -> bool:
    """Return whether a project that has ``conf`` can choose ``name``, such as ``model/gpt2``.

    What stands at the top of conf/ is a project's own.
    """
    group, _, choice = name.rpartition("/")
    return (conf / f"{name}.yaml").exists() or (bool(group) and choice in choices(group))
