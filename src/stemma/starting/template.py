"""The files that a new project begins with."""

import importlib.metadata
import platform
import re
from pathlib import Path

from stemma import shipped
from stemma.layout import ENVIRONMENT, REGISTRY

_FOLDER = Path(__file__).resolve().parent / "template"
# Under their own names they would mean something here.
_NAMES = {"gitignore": ".gitignore", "dvcignore": ".dvcignore", "pyproject": "pyproject.toml"}
_TEXT = "my-project", "my_project", "STEMMA_VERSION"
_SHIPPED = ".gitattributes", "data/input/README.md"


def version() -> str:
    """Return the version of Stemma that is installed."""
    return importlib.metadata.version("stemma-lm")


def files(name: str, package: str) -> dict[str, str]:
    """Return the text of each file of a new project, by its path; dvc.yaml is not among them.

    Args:
        name: of the project.
        package: of its own code, as Python imports it.
    """
    found = {one: shipped.path(one).read_text(encoding="utf-8") for one in _SHIPPED}
    for file in sorted(_FOLDER.rglob("*")):
        if file.is_file() and "__pycache__" not in file.parts:
            path = file.relative_to(_FOLDER).as_posix()
            path = _NAMES.get(path, path).replace(_TEXT[1], package)
            found[path] = _filled(file.read_text(encoding="utf-8"), name, package)
    registry = shipped.path(REGISTRY.as_posix()).read_text(encoding="utf-8")
    asked = "gates@stages.staging.gates: "
    found[REGISTRY.as_posix()] = registry.replace(f"{asked}staging", f"{asked}[staging, mine]")
    found[ENVIRONMENT.name] = environment()
    return found


def environment() -> str:
    """Return environment.lock: the packages that can change a model's bytes, as installed here.

    What is not installed stands with the version that Stemma was tried with.
    """
    text = shipped.path(ENVIRONMENT.name).read_text(encoding="utf-8")
    lines = ["# The Python and the packages that can change a model's bytes: those installed here."]
    for line in text.splitlines():
        if line.startswith("python=="):
            lines.append(f"python=={'.'.join(platform.python_version_tuple()[:2])}.*")
        elif not line.startswith("#"):
            lines.append(re.sub(r"^([\w.-]+)==([^\s;]+)", _as_installed, line))
    return "\n".join(lines) + "\n"


def _as_installed(pin: "re.Match[str]") -> str:
    try:
        # torch says 2.13.0+cpu for the build of 2.13.0 that knows no GPU.
        return f"{pin[1]}=={importlib.metadata.version(pin[1]).partition('+')[0]}"
    except importlib.metadata.PackageNotFoundError:
        return pin[0]


def _filled(text: str, name: str, package: str) -> str:
    for word, value in zip(_TEXT, (name, package, version()), strict=True):
        text = text.replace(word, value)
    return text
