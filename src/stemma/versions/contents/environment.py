"""What environment.lock of a version declares, and whether it is so here."""

from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from stemma import environment
from stemma.layout import ENVIRONMENT
from stemma.store.errors import ProjectError
from stemma.store.version import Version


def packages(version: Version) -> dict[str, str] | None:
    """Return the declared version of Python and of each package that it takes, extras too.

    Raises:
        ProjectError: environment.lock cannot be read.
    """
    raw = version.read(ENVIRONMENT.as_posix())
    if raw is None:
        return None
    lines = (line.partition("#")[0].strip() for line in raw.decode(errors="replace").splitlines())
    try:
        declared = [Requirement(line) for line in lines if line]
    except InvalidRequirement as error:
        said = str(error).splitlines()[0]
        raise ProjectError(
            f"{ENVIRONMENT} of {version.name} cannot be read: {said}", "type `make lock`"
        ) from error
    pins = [(one, str(one.specifier).removeprefix("==")) for one in declared]
    python = next((pin.removesuffix(".*") for one, pin in pins if one.name == "python"), None)
    # The lock pins some packages for each Python.
    marked = {"python_full_version": python, "python_version": python} if python else {}
    return {
        one.name: pin.removesuffix(".*")
        for one, pin in pins
        if one.marker is None or "extra" in str(one.marker) or one.marker.evaluate(marked)
    }


def unlike_here(tree: Path) -> list[str]:
    """Return what is installed here and not as the environment.lock of a tree declares.

    A project that is not laid out as Stemma's may declare nothing, which is said.

    Raises:
        ReproducibilityError: it cannot be read.
    """
    lock = tree / ENVIRONMENT
    if not lock.exists():
        return [f"no {lock.name} says with which packages it was made"]
    return list(environment.packages(lock))
