"""Each output of a rebuild, beside what dvc.lock says of it: a row per output."""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Literal

from stemma.modeling.weights.tensors import SUFFIX
from stemma.store.declared import CONVENTION
from stemma.store.lock import LockEntry, Stage
from stemma.versions.verification.bounds import Bounds
from stemma.versions.verification.line_endings import same_but_for_them
from stemma.versions.verification.metric_distance import furthest_metric, losses_apart
from stemma.versions.verification.output_files import OutputFiles
from stemma.versions.verification.rebuild import Rebuild
from stemma.versions.weights.distance import Distance, distance

# Beside weights these describe the model, or are made of them; every other file is a part of it.
_DESCRIBE = ("README.md", "bom.cdx.json", "manifest.json", "training.json", "onnx/model.onnx")
OutputStatus = Literal["exact", "equivalent", "follows", "not compared", "different", "not rebuilt"]


@dataclasses.dataclass(frozen=True)
class OutputRow:
    """One output of a version and of its rebuild.

    Attributes:
        status: ``follows``: it is not the same, has no bound of its own, and was made with weights
            that are equivalent. ``not compared``: weights that are at hand only as the rebuild has
            them; the metrics, which Git keeps, are equivalent.
        expected: hash in dvc.lock; empty if it has none.
        rebuilt: hash of the rebuild; empty if there is none.
        note: how far apart the two are, or what is missing.
        weights: how far apart they are, in numbers; None if no tensor differs.
    """

    stage: str
    output: str
    status: OutputStatus
    expected: str
    rebuilt: str
    note: str = ""
    weights: Distance | None = None


def compare_outputs(
    names: Iterable[str],
    version: Mapping[str, Stage],
    result: Rebuild,
    files: OutputFiles,
    bounds: Bounds,
) -> list[OutputRow]:
    """Return a row for each output of the named stages, in their order.

    Args:
        names: of the stages.
        version: the stages of the version, by name.
        result: its rebuild.
        files: where the outputs of both are.
        bounds: within which an output that is not the same is equivalent.
    """
    after = {stage.name: stage for stage in result.stages}
    rows = [
        row for name in names for row in rows_of(version.get(name), after.get(name), files, bounds)
    ]
    return [
        dataclasses.replace(
            row, note="; ".join(filter(None, (row.note, result.missing.get(row.output))))
        )
        for row in follow(rows, after)
    ]


def rows_of(
    locked: Stage | None, rebuilt: Stage | None, files: OutputFiles, bounds: Bounds
) -> Iterator[OutputRow]:
    """Yield a row for each output of a stage; either the version or the rebuild may lack it."""
    stage = locked or rebuilt
    assert stage is not None
    before = {out.path: out for out in locked.outs} if locked else {}
    after = {out.path: out for out in rebuilt.outs} if rebuilt else {}
    for path in dict.fromkeys([*before, *after]):
        one, other = before.get(path), after.get(path)
        if one is None or other is None:
            note = "dvc.lock does not have it" if one is None else ""
            status: OutputStatus = "different" if one is None else "not rebuilt"
            hashes = one.md5 if one else "", other.md5 if other else ""
            yield OutputRow(stage.name, path, status, *hashes, note)
        elif one.md5 == other.md5:
            yield OutputRow(stage.name, path, "exact", one.md5, other.md5)
        else:
            yield _apart(stage.name, one, other, files, bounds)


def follow(rows: Iterable[OutputRow], stages: Mapping[str, Stage]) -> list[OutputRow]:
    """Return the rows, those marked that differ only because of weights that are equivalent.

    Such an output was made with these weights, or beside them. Weights that are not at hand count
    as equivalent where the metrics are.

    Args:
        rows: in the order of the stages.
        stages: those that were built, by name.
    """
    rows = list(rows)
    judged = (row.status for row in rows if row.output == CONVENTION.metrics)
    vouched = any(status in ("exact", "equivalent") for status in judged)
    loose: set[str] = set()
    result = []
    for row in rows:
        inputs = {dep.path for dep in stages[row.stage].deps} if row.stage in stages else set()
        beside = {other.output for other in rows if other.stage == row.stage}
        if row.status == "not compared" and not vouched:
            row = dataclasses.replace(row, status="different")
        elif row.status == "not compared":
            loose.add(row.output)
            row = dataclasses.replace(row, note="judged by the metrics in Git")
        elif row.status == "equivalent" and row.weights:
            loose.add(row.output)
        elif row.status == "different" and not row.note and loose & (inputs | beside):
            row = dataclasses.replace(row, status="follows")
        result.append(row)
    return result


def _apart(
    stage: str, one: LockEntry, other: LockEntry, files: OutputFiles, bounds: Bounds
) -> OutputRow:
    ours, theirs = files.expected(one), files.rebuilt(other)
    row = OutputRow(stage, one.path, "different", one.md5, other.md5)
    if ours is None:
        weighs = any(file.endswith(SUFFIX) for file in theirs)
        return dataclasses.replace(row, status="not compared") if weighs else row
    if "" in ours and same_but_for_them(ours[""], theirs[""]):
        return dataclasses.replace(row, status="equivalent", note="only line endings differ")
    if one.path == CONVENTION.metrics:
        name, apart = furthest_metric(ours[""], theirs[""])
        within: OutputStatus = "equivalent" if apart <= bounds.metric else "different"
        note = f"metrics within {apart:.3g} ({name}); bound {bounds.metric:g}"
        return dataclasses.replace(row, status=within, note=note)
    if one.path == CONVENTION.examples:
        apart = losses_apart(ours[""], theirs[""])
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
