"""The settings of a version: params.yaml, and whatever other files its stages read them from."""

from typing import Any

from stemma.layout import CODE, PARAMS, RECORD
from stemma.store.declared import Declared
from stemma.store.errors import DamagedError
from stemma.store.version import Version
from stemma.versions.contents import tables


def files_of(declared: Declared) -> tuple[str, ...]:
    """Return the files of settings beside params.yaml."""
    # code.lock is no setting: it says by which code a stage makes its outputs.
    return tuple(one for one in declared.settings if one not in (PARAMS.name, CODE.name))


def read_settings(version: Version) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Return the settings of a version by section, and the record of how they were composed.

    Those of other files than params.yaml have the file before their section, as DVC writes them:
    ``config/model.toml:depth``.

    Returns:
        None if it has none; an empty record if nobody composed them.

    Raises:
        DamagedError: a file of settings cannot be read.
        MissingError: DVC keeps one, and its bytes are nowhere.
    """
    paths = (PARAMS.as_posix(), *files_of(version.declared))
    read = {path: raw for path in paths if (raw := version.get(path)) is not None}
    if not read:
        return None
    stored: dict[str, Any] = {}
    record: dict[str, Any] = {}
    for path, raw in read.items():
        try:
            found = tables.parse(raw, path)
            if path == PARAMS.as_posix():
                record = dict(found.pop(RECORD, None) or {})
        except (ValueError, TypeError) as error:
            hint = (
                "type `stemma compose --reset`" if path == PARAMS.name else "was it edited by hand?"
            )
            raise DamagedError(f"{path} of {version.name} cannot be read: {error}", hint) from error
        stored |= named(found, path)
    return stored, record


def named(found: dict[str, Any], path: str) -> dict[str, Any]:
    """Return what a file of settings holds, by the names that its keys have in a version."""
    return found if path == PARAMS.as_posix() else {f"{path}:{key}": found[key] for key in found}
