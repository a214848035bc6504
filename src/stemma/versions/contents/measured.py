"""Whether the metrics and the export of a version are those of its weights.

`dvc exp save` and `dvc commit --force` write whatever stands in the working tree into dvc.lock,
even when only some stages have run since the weights changed. dvc.lock then agrees with itself, but
the metrics are those of other weights. So evaluate and export note DVC's name of the weights that
they read, and it is compared with the one in dvc.lock.
"""

import json
from collections.abc import Iterable
from typing import Any

from stemma.store.errors import MissingError
from stemma.store.lock import Stage
from stemma.store.version import Version

METRICS_DIFFER = "the metrics are of other weights than models/trained"
EXPORT_DIFFERS = "models/exported was made of other weights than models/trained"
REMEDY = "`dvc repro` makes them of these"


def facts_of(raw: bytes | None) -> dict[str, Any]:
    """Return what measured.json or manifest.json holds; {} where there is none, or it is torn."""
    try:
        content = json.loads(raw or b"{}")
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def is_of(name: object, stages: Iterable[Stage], trained: str) -> bool | None:
    """Say whether a name that was noted is that of a version's weights; None if not known.

    Args:
        name: as evaluate or export noted it.
        stages: of the version.
        trained: the path of its weights.
    """
    outs = {out.path: out.md5 for stage in stages for out in stage.outs}
    locked = outs.get(trained)
    return None if locked is None or not isinstance(name, str) else name == locked


def metrics_match(version: Version) -> bool | None:
    """Say whether the metrics of a version are those of its weights; None if that is not known."""
    raw = version.read(version.declared.measured) if version.has_reports else None
    return _is_of(facts_of(raw).get("weights"), version) if raw else None


def export_matches(version: Version) -> bool | None:
    """Say whether the export of a version was made of its weights; None if that is not known."""
    try:
        raw = version.content(version.declared.exported, "manifest.json")
    except MissingError:
        return None
    return _is_of(facts_of(raw).get("trained"), version) if raw else None


def _is_of(name: object, version: Version) -> bool | None:
    return is_of(name, version.stages(), version.declared.trained)
