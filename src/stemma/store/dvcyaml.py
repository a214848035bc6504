"""What a dvc.yaml declares, read as DVC reads it.

``artifacts`` (of type ``model``, ``dataset`` or ``evaluation``), ``metrics``, ``plots`` and
``params`` of stages and at top level, and the outputs of stages. A label of an artifact says which
part it plays, one of `Declared`'s fields; it is needed only where a version has several artifacts
of one type.
https://dvc.org/doc/user-guide/project-structure/dvcyaml-files
"""

import dataclasses
import functools
import posixpath
import re
from collections.abc import Iterable, Iterator
from typing import Any

import yaml

from stemma import merging
from stemma.store.declared import CONVENTION, LABELS, Artifact, Declared, Direction, distinct
from stemma.store.errors import DamagedError
from stemma.store.lock import load

PIPELINE = "dvc.yaml"
_KNOWN = 2**8  # files that stay parsed
_has_marks = functools.lru_cache(_KNOWN)(merging.has_marks)
_VALUE = re.compile(r"\$\{[^}]*\}")
# Dependencies are most of a file, and say nothing here; without them most versions share theirs.
_DEPS = re.compile(r"^    deps:\n(?: +[-#].*\n)+", re.MULTILINE)
_UNREADABLE = (yaml.YAMLError, TypeError, ValueError, KeyError, AttributeError)


def parse(
    raw: bytes | None,
    owner: str,
    params: bytes | None = None,
    outs: Iterable[str] = (),
    folder: str = "",
) -> Declared:
    """Return what a dvc.yaml declares.

    Args:
        raw: its bytes; None if there is no such file.
        owner: whose it is, for an error.
        params: of params.yaml, whose values stand for ``${key}`` in paths.
        outs: the outputs in dvc.lock; those that a path with other ``${…}`` fits stand for it.
        folder: in which it stands, from the project's root; empty for the root itself.

    Raises:
        DamagedError: it cannot be read.
    """
    if not raw:
        return CONVENTION
    if _has_marks(raw):
        raise DamagedError(
            f"{PIPELINE} of {owner} has the marks of an unfinished merge",
            "`dvc repro` where that commit is checked out and a side is taken makes it whole",
        )
    given = (params or b"", tuple(outs)) if is_template(raw) else (b"", ())
    try:
        try:
            return _parse(_without_deps(raw), *given, folder)
        except _UNREADABLE:
            return _parse(raw.decode(errors="replace"), *given, folder)
    except _UNREADABLE as error:
        said = " ".join(str(error).split())
        raise DamagedError(
            f"{PIPELINE} of {owner} cannot be read: {said}", "was it merged or edited by hand?"
        ) from error


@functools.lru_cache(_KNOWN)
def working(raw: bytes) -> dict[str, str]:
    """Return the ``wdir`` of stages, by name: their dvc.lock has paths from there.

    A dvc.yaml that cannot be read has none.
    """
    if b"wdir:" not in raw:
        return {}
    try:
        stages = load(raw).get("stages") or {}
        found = {name: (one.get("do") or one).get("wdir") for name, one in stages.items()}
    except _UNREADABLE:
        return {}
    return {name: str(wdir) for name, wdir in found.items() if wdir}


@functools.lru_cache(_KNOWN)
def is_template(raw: bytes) -> bool:
    """Say whether values stand in a dvc.yaml outside of its dependencies."""
    return _VALUE.search(_without_deps(raw)) is not None


@functools.lru_cache(_KNOWN)
def _without_deps(raw: bytes) -> str:
    return _DEPS.sub("", raw.decode(errors="replace"))


@functools.lru_cache(_KNOWN)
def _parse(text: str, params: bytes, outs: tuple[str, ...], folder: str) -> Declared:
    whole = load(text)
    paths = _Paths(load(params), outs, folder)
    raw = whole.get("stages") or {}
    stages = [_Stage.of(stage, paths, folder) for stage in raw.values()]
    before = f"{folder}:" if folder else ""
    artifacts = tuple(
        Artifact(
            f"{before}{name}", path, facts.get("type") or "", facts.get("desc") or "",
            tuple(facts.get("labels") or ()), _better(name, facts),
        )
        for name, facts in (whole.get("artifacts") or {}).items()
        for path in paths.of(facts["path"])
    )  # fmt: skip
    parts = _parts(artifacts)
    metrics = [path for stage in stages for path in stage.metrics]
    metrics += [path for item, _ in _items(whole.get("metrics")) for path in paths.of(item)]
    main = _main_metrics(metrics, parts.get("formats", CONVENTION.formats))
    settings = [path for item, _ in _items(whole.get("params")) for path in paths.of(item)]
    drawn = [path for item, flags in _items(whole.get("plots")) for path in _drawn(item, flags)]
    plots = [posixpath.normpath(posixpath.join(folder, path)) for path in drawn]
    return Declared(
        artifacts=artifacts,
        outputs=distinct(path for stage in stages for path in stage.outputs),
        in_git=frozenset(path for stage in stages for path in stage.in_git),
        all_metrics=distinct([main, *metrics]),
        plots=distinct([*(path for stage in stages for path in stage.plots), *plots]),
        settings=distinct([*(path for stage in stages for path in stage.settings), *settings])
        or CONVENTION.settings,
        metrics=main,
        **parts,
    )


def _better(artifact: str, facts: dict[str, Any]) -> tuple[tuple[str, Direction], ...]:
    # DVC gives ``meta`` of an artifact to whoever wants to say more of it.
    told = (facts.get("meta") or {}).get("better") or {}
    for name, direction in told.items():
        if direction not in ("lower", "higher"):
            where = f"artifacts.{artifact}.meta.better.{name}"
            raise ValueError(f"{where} is {direction!r}, neither lower nor higher")
    return tuple(told.items())


def _parts(artifacts: tuple[Artifact, ...]) -> dict[str, str]:
    """Return the path of each part that artifacts are declared for, by the field of `Declared`."""
    found = {label: one.path for one in artifacts for label in one.labels if label in LABELS}
    # Without a label the only model is all models, and the only evaluation the examples.
    plain = [one for one in artifacts if not {*one.labels} & {*LABELS}]
    models = [one.path for one in plain if one.type == "model"]
    models += [found[part] for part in ("exported", "trained") if part in found]
    if models:
        found = {"exported": models[0], "trained": models[0], **found}
    for one in plain:
        if one.type == "evaluation":
            found.setdefault("examples", one.path)
    return found


def _main_metrics(metrics: list[str], formats: str) -> str:
    if CONVENTION.metrics in metrics:
        return CONVENTION.metrics
    return next((path for path in metrics if path != formats), CONVENTION.metrics)


class _Paths:
    """Fills in the values in paths: from params.yaml, or by what fits an output."""

    def __init__(self, values: Any, outs: tuple[str, ...], folder: str) -> None:
        self._values, self._outs, self._folder = values, outs, folder

    def of(self, path: str, wdir: str = "") -> tuple[str, ...]:
        filled = _VALUE.sub(self._value, path)
        folder = posixpath.join(self._folder, wdir)
        filled = posixpath.normpath(posixpath.join(folder, filled)) if folder else filled
        if not _VALUE.search(filled):
            return (filled.rstrip("/"),)
        # An item of a foreach or a matrix.
        like = re.compile("[^/]*".join(re.escape(part) for part in _VALUE.split(filled)))
        return tuple(out for out in self._outs if like.fullmatch(out))

    def _value(self, found: re.Match[str]) -> str:
        value = self._values
        for key in found[0][2:-1].strip().split("."):
            value = value.get(key) if isinstance(value, dict) else None
        return found[0] if value is None or isinstance(value, dict | list) else str(value)


@dataclasses.dataclass(frozen=True)
class _Stage:
    outputs: list[str]
    in_git: list[str]
    metrics: list[str]
    plots: list[str]
    settings: list[str]

    @classmethod
    def of(cls, raw: dict[str, Any], paths: _Paths, folder: str) -> "_Stage":
        raw = raw.get("do") or raw
        wdir = raw.get("wdir") or ""
        kinds = {
            kind: [
                (path, flags)
                for item, flags in _items(raw.get(kind))
                for path in paths.of(item, wdir)
            ]
            for kind in ("outs", "metrics", "plots")
        }
        every = [pair for pairs in kinds.values() for pair in pairs]
        return cls(
            [path for path, _ in every],
            [path for path, flags in every if not flags.get("cache", True)],
            [path for path, _ in kinds["metrics"]],
            [path for path, _ in kinds["plots"]],
            list(_files_of_settings(raw.get("params"), posixpath.join(folder, wdir))),
        )


def _files_of_settings(params: Any, folder: str) -> Iterator[str]:
    # A key alone is one of params.yaml.
    for item in params or ():
        for file in item if isinstance(item, dict) else CONVENTION.settings:
            yield posixpath.normpath(posixpath.join(folder, file))


def _items(value: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield what stands in a list of DVC's: paths, some with flags."""
    for item in value.items() if isinstance(value, dict) else value or ():
        if isinstance(item, dict):
            yield from ((path, flags or {}) for path, flags in item.items())
        elif isinstance(item, tuple):
            yield item[0], item[1] or {}
        else:
            yield item, {}


def _drawn(name: str, flags: dict[str, Any]) -> Iterator[str]:
    # A plot has the name of its only file, or says which files its axes are from.
    files = [axis for axis in (flags.get("x"), flags.get("y")) if isinstance(axis, dict)]
    yield from (file for axis in files for file in axis) if files else (name,)
