"""The settings of a version: params.yaml."""

from typing import Any

import yaml

from stemma.layout import PARAMS, RECORD
from stemma.store.errors import DamagedError
from stemma.store.lock import load
from stemma.store.version import Version


def read_settings(version: Version) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Return the settings of a version by section, and the record of how they were composed.

    Returns:
        None if it has none; an empty record if nobody composed them.

    Raises:
        DamagedError: params.yaml cannot be read.
    """
    raw = version.read(PARAMS.as_posix())
    if raw is None:
        return None
    try:
        stored = dict(load(raw))
        record = dict(stored.pop(RECORD, None) or {})
    except (yaml.YAMLError, TypeError, ValueError) as error:
        said = " ".join(str(error).split())
        raise DamagedError(
            f"{PARAMS} of {version.name} cannot be read: {said}", "type `stemma compose --reset`"
        ) from error
    return stored, record
