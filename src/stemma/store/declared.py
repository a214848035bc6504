"""What a version consists of: which of its files are its model, its data, its metrics, and so on.

DVC's own declarations in dvc.yaml say so: ``artifacts`` (of type ``model``, ``dataset`` or
``evaluation``), ``metrics``, ``plots`` and ``params`` of stages and at top level, and the outputs
of stages. A label of an artifact says which part it plays, one of `Declared`'s fields; it is needed
only where a version has several artifacts of one type. What a dvc.yaml does not say is where the
stages of Stemma write it (`stemma.layout`): this module is the only reader that knows these paths.
https://dvc.org/doc/user-guide/project-structure/dvcyaml-files
"""

import dataclasses
import functools
import posixpath
import re
from collections.abc import Iterable, Iterator
from typing import Any

import yaml

from stemma import layout, merging
from stemma.store.errors import DamagedError
from stemma.store.lock import load

PIPELINE = "dvc.yaml"
_KNOWN = 2**8  # files that stay parsed
_has_marks = functools.lru_cache(_KNOWN)(merging.has_marks)
_VALUE = re.compile(r"\$\{[^}]*\}")
# Dependencies are most of a file, and say nothing here; without them most versions share theirs.
_DEPS = re.compile(r"^    deps:\n(?: +[-#].*\n)+", re.MULTILINE)
_UNREADABLE = (yaml.YAMLError, TypeError, ValueError, KeyError, AttributeError)


@dataclasses.dataclass(frozen=True)
class Artifact:
    """What dvc.yaml declares under ``artifacts``.

    Attributes:
        name: by which it is known, as a registry of models has it.
        path: of the file or folder, from the project's root.
        type: such as ``model`` or ``dataset``; empty if it has none.
        desc: what it is, in words; may be empty.
        labels: any words.
    """

    name: str
    path: str
    type: str
    desc: str
    labels: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Declared:
    """The parts of a version: paths from the project's root, whether there is such a file or not.

    Attributes:
        artifacts: as dvc.yaml declares them; none in versions from before Stemma declared any.
        outputs: every output, metric and plot of every stage.
        in_git: those of ``outputs`` that Git keeps (``cache: false``), or nobody.
        all_metrics: every file of metrics; ``metrics`` first.
        plots: the files of tables that are drawn.
        settings: the files with settings that stages read.
        raw: the documents, as they came, and where they came from.
        prepared: the documents that the model was trained and tested on, their fate and the tokens.
        base: the model from which training started.
        trained: the model that training made.
        exported: the model that is handed on; what a server loads.
        metrics: the metrics by which versions are compared.
        examples: the evaluation, one row per example.
        samples: what the model wrote.
        reference: requests made of the test split, with which those to a server are compared.
        measured: which weights the metrics speak of.
        formats: the metrics of other formats of the exported model.
    """

    artifacts: tuple[Artifact, ...] = ()
    outputs: tuple[str, ...] = ()
    in_git: frozenset[str] = frozenset()
    all_metrics: tuple[str, ...] = (layout.METRICS.as_posix(),)
    plots: tuple[str, ...] = ()
    settings: tuple[str, ...] = (layout.PARAMS.as_posix(),)
    raw: str = layout.RAW.as_posix()
    prepared: str = layout.PREPARED.as_posix()
    base: str = layout.BASE.as_posix()
    trained: str = layout.TRAINED.as_posix()
    exported: str = layout.EXPORTED.as_posix()
    metrics: str = layout.METRICS.as_posix()
    examples: str = (layout.REPORTS / "examples.parquet").as_posix()
    samples: str = (layout.REPORTS / "samples.md").as_posix()
    reference: str = (layout.REPORTS / "reference.parquet").as_posix()
    measured: str = layout.MEASURED.as_posix()
    formats: str = layout.FORMATS.as_posix()

    @property
    def models(self) -> tuple[str, ...]:
        """The models that it makes, the one that is handed on first."""
        declared = [one.path for one in self.artifacts if one.type == "model"]
        made = [path for path in (self.exported, self.trained) if path in self.outputs]
        others = [path for path in declared if path != self.base]
        return tuple(dict.fromkeys([*made, *others]))

    @property
    def datasets(self) -> tuple[str, ...]:
        """The data that it is made of, the documents as they came first."""
        declared = [one.path for one in self.artifacts if one.type == "dataset"]
        made = [path for path in (self.raw, self.prepared) if path in self.outputs]
        return tuple(dict.fromkeys([*made, *declared]))


CONVENTION = Declared()
"""Where the stages of Stemma write."""
_LABELS = ("raw", "prepared", "base", "trained", "exported", "examples", "samples", "reference",
           "measured", "formats")  # fmt: skip


def parse(
    raw: bytes | None, owner: str, params: bytes | None = None, outs: Iterable[str] = ()
) -> Declared:
    """Return what a dvc.yaml declares.

    Args:
        raw: its bytes; None if there is no such file.
        owner: whose it is, for an error.
        params: of params.yaml, whose values stand for ``${key}`` in paths.
        outs: the outputs in dvc.lock; those that a path with other ``${…}`` fits stand for it.

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
            return _parse(_without_deps(raw), *given)
        except _UNREADABLE:
            return _parse(raw.decode(errors="replace"), *given)
    except _UNREADABLE as error:
        said = " ".join(str(error).split())
        raise DamagedError(
            f"{PIPELINE} of {owner} cannot be read: {said}", "was it merged or edited by hand?"
        ) from error


@functools.lru_cache(_KNOWN)
def is_template(raw: bytes) -> bool:
    """Say whether values stand in a dvc.yaml outside of its dependencies."""
    return _VALUE.search(_without_deps(raw)) is not None


@functools.lru_cache(_KNOWN)
def _without_deps(raw: bytes) -> str:
    return _DEPS.sub("", raw.decode(errors="replace"))


@functools.lru_cache(_KNOWN)
def _parse(text: str, params: bytes, outs: tuple[str, ...]) -> Declared:
    whole = load(text)
    paths = _Paths(load(params), outs)
    stages = [_Stage.of(stage, paths) for stage in (whole.get("stages") or {}).values()]
    artifacts = tuple(
        Artifact(
            name, path, facts.get("type") or "", facts.get("desc") or "",
            tuple(facts.get("labels") or ()),
        )
        for name, facts in (whole.get("artifacts") or {}).items()
        for path in paths.of(facts["path"])
    )  # fmt: skip
    parts = _parts(artifacts)
    metrics = [path for stage in stages for path in stage.metrics]
    metrics += [path for item, _ in _items(whole.get("metrics")) for path in paths.of(item)]
    main = _main_metrics(metrics, parts.get("formats", CONVENTION.formats))
    settings = [path for item, _ in _items(whole.get("params")) for path in paths.of(item)]
    plots = [path for item, flags in _items(whole.get("plots")) for path in _drawn(item, flags)]
    return Declared(
        artifacts=artifacts,
        outputs=_distinct(path for stage in stages for path in stage.outputs),
        in_git=frozenset(path for stage in stages for path in stage.in_git),
        all_metrics=_distinct([main, *metrics]),
        plots=_distinct([*(path for stage in stages for path in stage.plots), *plots]),
        settings=_distinct([*(path for stage in stages for path in stage.settings), *settings])
        or CONVENTION.settings,
        metrics=main,
        **parts,
    )


def _parts(artifacts: tuple[Artifact, ...]) -> dict[str, str]:
    """Return the path of each part that artifacts are declared for, by the field of `Declared`."""
    found = {label: one.path for one in artifacts for label in one.labels if label in _LABELS}
    # Without a label the only model is all models, and the only evaluation the examples.
    plain = [one for one in artifacts if not {*one.labels} & {*_LABELS}]
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

    def __init__(self, values: Any, outs: tuple[str, ...]) -> None:
        self._values, self._outs = values, outs

    def of(self, path: str, folder: str = "") -> tuple[str, ...]:
        filled = _VALUE.sub(self._value, path)
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
    def of(cls, raw: dict[str, Any], paths: _Paths) -> "_Stage":
        raw = raw.get("do") or raw
        folder = raw.get("wdir") or ""
        kinds = {
            kind: [
                (path, flags)
                for item, flags in _items(raw.get(kind))
                for path in paths.of(item, folder)
            ]
            for kind in ("outs", "metrics", "plots")
        }
        every = [pair for pairs in kinds.values() for pair in pairs]
        return cls(
            [path for path, _ in every],
            [path for path, flags in every if not flags.get("cache", True)],
            [path for path, _ in kinds["metrics"]],
            [path for path, _ in kinds["plots"]],
            list(_files_of_settings(raw.get("params"), folder)),
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


def _distinct(paths: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(paths))
