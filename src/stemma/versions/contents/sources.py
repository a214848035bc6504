"""Where the documents of a version are from: sources.json, beside the raw documents."""

import json
from typing import Any

from stemma.errors import DataError
from stemma.store.version import Version

FILE = "sources.json"


def md5_of_sources(version: Version) -> str | None:
    """Return the MD5 of sources.json of a version; None if it has none.

    Raises:
        MissingError: which files its raw documents have is known nowhere.
    """
    return version.files(version.declared.raw).get(FILE)


def read_sources(version: Version) -> dict[str, dict[str, Any]]:
    """Return what a version that has sources.json says of each source, by name.

    Raises:
        DataError: the file is torn.
        MissingError: its bytes are nowhere.
    """
    output = version.declared.raw
    path = version.path(output, FILE)
    try:
        entries = json.loads(path.read_bytes())["sources"]
        found: dict[str, dict[str, Any]] = {}
        for entry in entries:
            # Parts of one source may share its name.
            name = entry["name"]
            name = f"{name} ({entry['origin']})" if name in found else name
            found[name] = {key: value for key, value in entry.items() if key != "name"}
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{output}/{FILE} of {version.name} cannot be read: {error}",
            "`stemma fsck` shows all that is lost",
        ) from error
    return found
