"""A project's own code: the packages in its src/, and what settings choose of them.

Settings choose a task, a family or a source by the name of a module. Without a dot it is one of
Stemma's; with dots it is one of the project's own, as Python imports it.
"""

import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from stemma.errors import SettingsError

SOURCE = Path("src")
OURS = ("stemma", "hydra_plugins")
"""The packages that Stemma itself brings."""


def reach(root: Path = Path()) -> None:
    """Let Python find a project's own packages, behind all that is installed."""
    source = str((root / SOURCE).resolve())
    if source not in sys.path:
        sys.path.append(source)


def packages() -> tuple[str, ...]:
    """Return the packages in src/, but for Stemma's own."""
    found = [path.name for path in sorted(SOURCE.glob("[!_.]*")) if any(path.glob("**/*.py"))]
    return tuple(name for name in found if name.isidentifier() and name not in OURS)


def loose() -> tuple[str, ...]:
    """Return the modules in src/ that are in no package."""
    return tuple(path.stem for path in sorted(SOURCE.glob("*.py")))


def is_own(name: object) -> bool:
    """Return whether a setting chooses a module of the project's own."""
    return isinstance(name, str) and "." in name


def module_of(package: str, name: str) -> str:
    """Return the module that a setting chooses.

    Args:
        package: of ours, which holds what can be chosen.
        name: what the setting says.
    """
    return name if is_own(name) else f"{package}.{name}"


def load(package: str, name: object, key: str, file: str) -> ModuleType:
    """Import the module that a setting chooses.

    Args:
        package: as for ``module_of``.
        name: what the setting says.
        key: the setting with its section, such as ``task.name``, for messages.
        file: in which it stands, for messages.

    Raises:
        SettingsError: there is no such module, or one of the project's own cannot be imported.
    """
    parts = name.split(".") if isinstance(name, str) else []
    if is_own(name):
        reach()
    module, where = module_of(package, str(name)), f"{file}: '{key}'"
    try:
        if parts and all(part.isidentifier() for part in parts) and find_spec(module):
            return import_module(module)
    except ModuleNotFoundError as error:
        # Of a package on the way there is no trace; that is as good as none.
        if not f"{module}.".startswith(f"{error.name}."):
            raise _broken(where, module, error) from error
    except Exception as error:
        # A project's own code, which may raise anything.
        raise _broken(where, module, error) from error
    raise SettingsError(
        f"{where} is {name!r}, which {SOURCE if is_own(name) else package} has no module for",
        f"conf/{key.partition('.')[0]}/ holds what can be chosen",
    )


def _broken(where: str, module: str, error: Exception) -> SettingsError:
    line = " ".join(str(error).split())
    return SettingsError(
        f"{where} is {module!r}, which cannot be imported: {type(error).__name__}: {line}",
        f"mend {SOURCE}/{module.replace('.', '/')}",
    )
