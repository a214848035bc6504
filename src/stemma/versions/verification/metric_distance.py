"""How far apart the metrics of a version and of its rebuild are."""

import json
from pathlib import Path

from stemma.store.declared import CONVENTION
from stemma.versions.contents.examples import parse
from stemma.versions.contents.kept import json_of
from stemma.versions.verification.nested import leaves


def furthest_metric(ours: Path, theirs: Path) -> tuple[str, float]:
    """Return the metric that differs most between two metrics.json, and its relative difference.

    The difference is taken relative to the larger of both numbers. It is infinite where one file
    lacks the metric, or has something else than a number.

    Args:
        ours: of the version.
        theirs: of its rebuild.

    Raises:
        ProjectError: that of the version is torn.
    """
    one = dict(leaves(json_of(ours.read_bytes(), f"{CONVENTION.metrics} of the version")))
    other = dict(leaves(json.loads(theirs.read_bytes())))
    apart = {key: _relative(one.get(key), other.get(key)) for key in {*one, *other}}
    return max(sorted(apart.items()), key=lambda item: item[1], default=("none", 0.0))


def losses_apart(ours: Path, theirs: Path) -> float:
    """Return ‖a - b‖ / ‖a‖ of the losses in two examples.parquet.

    It is infinite where they speak of other examples, or have no losses.

    Raises:
        ProjectError: one of them is torn.
    """
    import numpy as np

    one = parse(ours.read_bytes(), f"{CONVENTION.examples} of the version")
    other = parse(theirs.read_bytes(), f"{CONVENTION.examples} of the rebuild")
    if "loss" not in one or "loss" not in other or not np.array_equal(one["id"], other["id"]):
        return float("inf")
    return float(np.linalg.norm(one["loss"] - other["loss"]) / np.linalg.norm(one["loss"]))


def _relative(one: object, other: object) -> float:
    if one == other:
        return 0.0
    if not isinstance(one, int | float) or not isinstance(other, int | float):
        return float("inf")
    # Of the larger, so that it is a number also where one of them is zero.
    return abs(one - other) / max(abs(one), abs(other))
