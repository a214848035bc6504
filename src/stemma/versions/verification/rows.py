"""What a rebuild says of a version: one row per output, and one verdict."""

import dataclasses
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from stemma.store.declared import CONVENTION
from stemma.store.lock import LockEntry, Stage
from stemma.store.objects import ObjectStore
from stemma.store.tensors import SUFFIX
from stemma.versions.contents.examples import parse
from stemma.versions.contents.kept import json_of
from stemma.versions.verification.line_endings import same_but_for_them
from stemma.versions.weights.distance import Distance, distance

# Beside weights these describe the model, or are made of them; every other file is a part of it.
_DESCRIBE = ("README.md", "manifest.json", "training.json", "onnx/model.onnx")
Status = Literal["exact", "equivalent", "follows", "not compared", "different", "not rebuilt"]


@dataclasses.dataclass(frozen=True)
class Bounds:
    """Within which a rebuild on another processor is the same model.

    Attributes:
        metric: relative difference of a number in reports/metrics.json; and ‖a - b‖ / ‖a‖ of the
            losses in reports/examples.parquet.
        weight: ‖a - b‖ / ‖a‖ of a tensor.
    """

    metric: float
    weight: float


@dataclasses.dataclass(frozen=True)
class Row:
    """One output.

    Attributes:
        status: ``follows`` is not the same, has no bound of its own, and was made with weights that
            are equivalent; ``not compared`` are weights of which the version's own are not at hand,
            where its figures, which Git keeps, are equivalent.
        expected: hash in dvc.lock; empty if it has none.
        rebuilt: hash of the rebuild; empty if there is none.
        note: how far the two are apart, or what is missing.
        weights: the same in numbers, for an output with tensors that differ.
    """

    stage: str
    output: str
    status: Status
    expected: str
    rebuilt: str
    note: str = ""
    weights: Distance | None = None


@dataclasses.dataclass(frozen=True)
class Sides:
    """Where the files of a version and of its rebuild are.

    Attributes:
        cache: the user's DVC cache.
        own: the DVC cache of the rebuild.
        tree: the worktree.
        tracked: the folder with the commit's own copies of the outputs that Git keeps.
    """

    cache: ObjectStore
    own: ObjectStore
    tree: Path
    tracked: Path

    def expected(self, out: LockEntry) -> Mapping[str, Path] | None:
        """Return an output's files as the version has them; None if not at hand, or broken."""
        kept = self.tracked / out.path
        if kept.exists():
            return {"": kept}
        return self.cache.paths(out.md5) if self.cache.is_sound(out.md5) else None

    def rebuilt(self, out: LockEntry) -> Mapping[str, Path] | None:
        """Return an output's files as the rebuild has them."""
        return self.own.paths(out.md5) or {"": self.tree / out.path}


def rows_of(
    locked: Stage | None, rebuilt: Stage | None, sides: Sides, bounds: Bounds
) -> Iterator[Row]:
    """Yield a row for each output of a stage; either side may lack the stage."""
    stage = locked or rebuilt
    assert stage is not None
    before = {out.path: out for out in locked.outs} if locked else {}
    after = {out.path: out for out in rebuilt.outs} if rebuilt else {}
    for path in dict.fromkeys([*before, *after]):
        one, other = before.get(path), after.get(path)
        if one is None or other is None:
            note = "dvc.lock does not have it" if one is None else ""
            status: Status = "different" if one is None else "not rebuilt"
            hashes = one.md5 if one else "", other.md5 if other else ""
            yield Row(stage.name, path, status, *hashes, note)
        elif one.md5 == other.md5:
            yield Row(stage.name, path, "exact", one.md5, other.md5)
        else:
            yield _apart(stage.name, one, other, sides, bounds)


def _apart(stage: str, one: LockEntry, other: LockEntry, sides: Sides, bounds: Bounds) -> Row:
    ours, theirs = sides.expected(one), sides.rebuilt(other)
    row = Row(stage, one.path, "different", one.md5, other.md5)
    if theirs is None:
        return row
    if ours is None:
        weighs = any(file.endswith(SUFFIX) for file in theirs)
        return dataclasses.replace(row, status="not compared") if weighs else row
    if "" in ours and same_but_for_them(ours[""], theirs[""]):
        return dataclasses.replace(row, status="equivalent", note="only line endings differ")
    if one.path == CONVENTION.metrics:
        name, apart = _furthest_metric(ours[""], theirs[""])
        within: Status = "equivalent" if apart <= bounds.metric else "different"
        note = f"metrics within {apart:.3g} ({name}); bound {bounds.metric:g}"
        return dataclasses.replace(row, status=within, note=note)
    if one.path == CONVENTION.examples:
        apart = _losses_apart(ours[""], theirs[""])
        within = "equivalent" if apart <= bounds.metric else "different"
        note = f"losses within {apart:.3g} of their norm; bound {bounds.metric:g}"
        return dataclasses.replace(row, status=within, note=note)
    if not any(file.endswith(SUFFIX) for file in ours):
        return row
    weights = distance(ours, theirs)
    parts = _unequal_parts(ours, theirs)
    relative = weights.relative if weights else 0.0
    within = "equivalent" if relative <= bounds.weight and not parts else "different"
    note = f"weights within {relative:.3g} of their norm; bound {bounds.weight:g}"
    note += f"; not the same: {', '.join(parts)}" if parts else ""
    return dataclasses.replace(row, status=within, note=note, weights=weights)


def _unequal_parts(ours: Mapping[str, Path], theirs: Mapping[str, Path]) -> list[str]:
    # A cache names files by their content, in two parts.
    one, other = ({file: path.parts[-2:] for file, path in side.items()} for side in (ours, theirs))
    return sorted(
        file
        for file in {*one, *other}
        if not file.endswith(SUFFIX) and file not in _DESCRIBE and one.get(file) != other.get(file)
    )


def _furthest_metric(ours: Path, theirs: Path) -> tuple[str, float]:
    one = dict(leaves(json_of(ours.read_bytes(), f"{CONVENTION.metrics} of the version")))
    other = dict(leaves(json.loads(theirs.read_bytes())))
    apart = {key: _relative(one.get(key), other.get(key)) for key in {*one, *other}}
    return max(sorted(apart.items()), key=lambda item: item[1], default=("none", 0.0))


def _losses_apart(ours: Path, theirs: Path) -> float:
    """Return how far the losses of the same examples are apart; infinite if they are others."""
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


def leaves(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (dotted key, value) for every leaf of nested mappings."""
    if not isinstance(value, dict):
        yield prefix, value
        return
    for key, inner in value.items():
        yield from leaves(inner, f"{prefix}.{key}" if prefix else str(key))


def unequal(one: Any, other: Any) -> Iterator[tuple[str, Any, Any]]:
    """Yield (dotted key, value, other value) where two nested mappings differ; or ``absent``."""
    before, after = dict(leaves(one)), dict(leaves(other))
    for key in sorted({*before, *after}):
        was, now = before.get(key, "absent"), after.get(key, "absent")
        if was != now:
            yield key, was, now


def follow(rows: list[Row], stages: Mapping[str, Stage]) -> list[Row]:
    """Mark what differs only because it was made with, or beside, equivalent weights.

    Weights that are not at hand count as equivalent where the figures are.
    """
    figures = (row.status for row in rows if row.output == CONVENTION.metrics)
    vouched = any(status in ("exact", "equivalent") for status in figures)
    loose: set[str] = set()
    result = []
    for row in rows:
        inputs = {dep.path for dep in stages[row.stage].deps} if row.stage in stages else set()
        beside = {other.output for other in rows if other.stage == row.stage}
        if row.status == "not compared" and not vouched:
            row = dataclasses.replace(row, status="different")
        elif row.status == "not compared":
            loose.add(row.output)
            row = dataclasses.replace(row, note="judged by the figures in Git")
        elif row.status == "equivalent" and row.weights:
            loose.add(row.output)
        elif row.status == "different" and not row.note and loose & (inputs | beside):
            row = dataclasses.replace(row, status="follows")
        result.append(row)
    return result
