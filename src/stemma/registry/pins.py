"""stemma.lock: which versions of which models a project uses, pinned to their bytes."""

import dataclasses
from pathlib import Path

import yaml

from stemma import merging
from stemma.files import atomic_file
from stemma.store.errors import ProjectError

FILE = Path("stemma.lock")
_HEAD = "# Written by `stemma fetch`, obeyed by `stemma fetch --frozen`. Commit it.\n"


@dataclasses.dataclass(frozen=True)
class Pin:
    """A version of a model, as it was fetched.

    Attributes:
        name: of the model.
        version: such as ``v1.2.0``.
        commit: the hash of its commit.
        sha256: the digest of its files.
        key: the id of the key that signed it; None if no signature was asked for.
        repo: where it came from.
        path: where it lies.
    """

    name: str
    version: str
    commit: str
    sha256: str
    key: str | None
    repo: str
    path: str


def read(root: Path = Path()) -> dict[str, Pin]:
    """Return the pins by the path where each model lies; {} if there is no such file.

    Raises:
        ProjectError: it cannot be read.
    """
    path = root / FILE
    if not path.exists():
        return {}
    raw = path.read_bytes()
    merging.check(raw, str(FILE), ProjectError)
    try:
        entries = yaml.safe_load(raw) or {}
        return {where: Pin(path=where, **facts) for where, facts in entries.items()}
    except (yaml.YAMLError, TypeError, AttributeError) as error:
        told = " ".join(str(error).split())
        raise ProjectError(
            f"{FILE} cannot be read: {told}", "`git checkout` brings the one of before"
        ) from error


def write(pins: dict[str, Pin], root: Path = Path()) -> None:
    """Write the pins, atomically."""
    entries = {
        where: {key: value for key, value in dataclasses.asdict(pin).items() if key != "path"}
        for where, pin in sorted(pins.items())
    }
    with atomic_file(root / FILE, "w") as handle:
        handle.write(_HEAD + yaml.safe_dump(entries, sort_keys=False, allow_unicode=True))
