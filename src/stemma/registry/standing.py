"""Whether the signatures of a registered version hold."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stemma.errors import StemmaError
from stemma.registry import policy
from stemma.registry.folders import as_folder
from stemma.registry.models import find
from stemma.registry.signatures import checked
from stemma.store.registry import Registry
from stemma.store.version import Commit


def signature(named: Mapping[str, Any], root: Path = Path()) -> tuple[str | None, str | None]:
    """Check the signatures of a version against the keys of conf/registry.yaml.

    Args:
        named: what `stemma show` says of it under ``registry``.
        root: the project.

    Returns:
        The id of the key whose signature holds, or None; and why none does, or None if one does or
        there is none.
    """
    if not named["signed_by"]:
        return None, None
    registry = Registry(root)
    one = find(registry, named["name"])
    try:
        keys = [root / key for key in policy.read(root).keys]
        output = str(one.evidence.get("output"))
        with as_folder(Commit(one.name, one.commit, root), output, root) as folder:
            return checked(one, registry, folder, keys), None
    except StemmaError as error:
        return None, error.message
