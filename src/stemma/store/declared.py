"""What a version consists of: which of its files are its model, its data, its metrics, and so on.

DVC's own declarations in dvc.yaml say so, as `stemma.store.dvcyaml` reads them. What a dvc.yaml
does not say is where the stages of Stemma write it (`stemma.layout`): this module is the only
reader that knows these paths.
"""

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Literal

from stemma import layout

Direction = Literal["lower", "higher"]


@dataclasses.dataclass(frozen=True)
class Artifact:
    """What dvc.yaml declares under ``artifacts``.

    Attributes:
        name: by which it is known, as a registry of models has it.
        path: of the file or folder, from the project's root.
        type: such as ``model`` or ``dataset``; empty if it has none.
        desc: what it is, in words; may be empty.
        labels: any words.
        better: whether lower or higher values of a metric are better: name and direction.
    """

    name: str
    path: str
    type: str
    desc: str
    labels: tuple[str, ...]
    better: tuple[tuple[str, Direction], ...] = ()


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
        metrics: the metrics by which versions are compared; of several files the first.
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
    def compared(self) -> tuple[str, ...]:
        """The files of metrics by which versions are compared: as Stemma writes them one."""
        if self.metrics == layout.METRICS.as_posix():
            return (self.metrics,)
        return tuple(path for path in self.all_metrics if path != self.formats)

    @property
    def by_example(self) -> bool:
        """Whether the examples may be another evaluation's than that of Stemma's stages."""
        named = any(
            one.path == self.examples and one.type == "evaluation" and "examples" not in one.labels
            for one in self.artifacts
        )
        return named or self.examples != CONVENTION.examples

    @property
    def directions(self) -> dict[str, Direction]:
        """Whether lower or higher values of a metric are better, as artifacts declare it."""
        return {name: direction for one in self.artifacts for name, direction in one.better}

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
LABELS = ("raw", "prepared", "base", "trained", "exported", "examples", "samples", "reference",
           "measured", "formats")  # fmt: skip
"""Labels of artifacts, each the name of the part that the artifact plays."""


def joined(parts: Sequence[Declared]) -> Declared:
    """Return what several dvc.yaml of one repository declare together, those of the top first."""
    if len(parts) < 2:
        return parts[0] if parts else CONVENTION
    own = ("metrics", *LABELS)
    named = {name: _named([getattr(one, name) for one in parts], name) for name in own}
    metrics = [path for one in parts for path in one.all_metrics if path != CONVENTION.metrics]
    return Declared(
        artifacts=tuple(artifact for one in parts for artifact in one.artifacts),
        outputs=distinct(path for one in parts for path in one.outputs),
        in_git=frozenset(path for one in parts for path in one.in_git),
        all_metrics=distinct([named["metrics"], *metrics]),
        plots=distinct(path for one in parts for path in one.plots),
        settings=distinct(path for one in parts for path in one.settings),
        **named,
    )


def _named(paths: Sequence[str], part: str) -> str:
    usual = getattr(CONVENTION, part)
    return next((path for path in paths if path != usual), usual)


def distinct(paths: Iterable[str]) -> tuple[str, ...]:
    """Return paths without those that came before."""
    return tuple(dict.fromkeys(paths))
