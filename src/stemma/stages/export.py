"""Put together what a server loads: models/exported.

Takes models/trained, reports/metrics.json, data/raw/sources.json and
data/prepared/data_report.json; gives a folder that ``AutoModelForCausalLM.from_pretrained`` loads
without this package, with a model card (README.md), a bill of materials (bom.cdx.json) and
manifest.json, which has the size and the SHA-256 of every other file of the version, and DVC's name
of the models/trained that it was made of. Beside them, and outside of it, observed.json says what
the model was made on.

The formats that are asked for stand in folders of their names, and reports/formats.json has the
size and the metrics of each, measured as evaluate does; those of the original are evaluate's own,
or measured too where its weights were rounded.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from stemma import stage
from stemma.config import settings
from stemma.environment import RuntimeSettings
from stemma.errors import SettingsError
from stemma.layout import BASE, EXPORTED, FORMATS, METRICS, PREPARED, RAW, TRAINED
from stemma.modeling.evaluation.settings import EvaluateSection
from stemma.modeling.export.formats import Format
from stemma.modeling.metrics.names import headline
from stemma.modeling.runtime import start
from stemma.tasks import TaskSettings, formulas_of, measure_of

if TYPE_CHECKING:
    from stemma.modeling.export.card.facts import Facts
    from stemma.modeling.runtime import Runtime

Language = Annotated[str, Field(pattern="^[a-z]{2,3}$")]


@settings
class ExportSection:
    """How a model is handed on."""

    name: str
    model_name: Annotated[str, Field(min_length=1)]
    """What the card calls it."""
    dtype: Literal["float32", "bfloat16"]
    """Of the weights."""
    merge: bool
    """Whether an adapter is added to the weights of its base."""
    license: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.\-]*$")]
    """Of the model, an identifier of the Hugging Face Hub."""
    language: Annotated[tuple[Language, ...], Field(min_length=1)]
    """Of the text, ISO 639."""
    formats: tuple[Format, ...]
    """In which the model is written too, and measured."""
    sparsity: Annotated[float, Field(gt=0, lt=1)]
    """Of the format ``pruned``: share of each linear layer that becomes zero."""

    def __post_init__(self) -> None:
        if "bf16" in self.formats and self.dtype == "bfloat16":
            raise SettingsError(
                "export.formats has bf16, which export.dtype asks for already",
                "take it away, or use -S export.dtype=float32",
            )


@settings
class ExportSettings:
    """What this stage reads of params.yaml."""

    export: ExportSection
    task: TaskSettings
    evaluate: EvaluateSection
    runtime: RuntimeSettings


def run(settings: ExportSettings) -> None:
    """Write models/exported and reports/formats.json.

    Raises:
        DataError: data/prepared lacks a file or is torn, and there are formats to measure.
        ModelError: a file that it takes is missing or torn, or could run code when it is loaded;
            or the model has no such format.
        SettingsError: a format needs a package that is not there, or a whole model.
    """
    from stemma.files import atomic_directory, write_json
    from stemma.hashes import hashes_of, name_of
    from stemma.modeling.export import bom
    from stemma.modeling.export.card.writing import write_card
    from stemma.modeling.export.conventions import settle
    from stemma.modeling.observed import hand_on
    from stemma.modeling.weights.copy import copy_model

    runtime = _start(settings) if settings.export.formats else None
    with atomic_directory(EXPORTED) as folder:
        copy_model(TRAINED, folder, settings.export.dtype, settings.export.merge)
        settle(folder, settings.task)
        formats = _formats(settings, folder, runtime)
        facts, trained = _facts(settings, formats), name_of(hashes_of(TRAINED))
        (folder / "README.md").write_text(write_card(facts), encoding="utf-8")
        files = _files(folder)
        write_json(folder / bom.NAME, bom.bill(facts, files, trained))
        files = sorted(
            [*files, _file(folder, folder / bom.NAME)], key=lambda one: Path(one["path"])
        )
        write_json(folder / "manifest.json", {"trained": trained, "files": files})
        hand_on(TRAINED, folder)
    write_json(FORMATS, formats)


def _start(settings: ExportSettings) -> Runtime:
    if _is_beside(settings.export):
        raise SettingsError(
            "export.formats needs a whole model, and export.merge=false leaves an adapter",
            "use -S export.merge=true, or -S export.formats=[]",
        )
    started = start(settings.runtime)
    if "onnx" in settings.export.formats:
        import_module("stemma.modeling.export.formats.onnx").check_installed()
    return started


def _formats(
    settings: ExportSettings, folder: Path, runtime: Runtime | None
) -> dict[str, dict[str, Any]]:
    from stemma.modeling.weights.copy import read_object, size_of

    task, section = settings.task, settings.export
    metrics = headline(read_object(METRICS, "evaluate"))
    if runtime is None:
        return {"original": {"bytes": size_of(folder), **metrics}}

    from stemma.modeling.export.formats.comparing import write_formats
    from stemma.modeling.weights.load import load_saved

    def measure(model: Any, its: Path) -> dict[str, float]:
        placed = model.to(runtime.device).eval()
        return measure_of(task).metrics_of(task, settings.evaluate, placed, its, runtime)

    if section.dtype != "float32":
        metrics = measure(load_saved(folder), folder)
    original = {"bytes": size_of(folder), **metrics}
    formats = write_formats(folder, section.formats, section.sparsity, original, measure)
    return {"original": original, **formats}


def _is_beside(settings: ExportSection) -> bool:
    return not settings.merge and (TRAINED / "adapter_config.json").exists()


def _facts(asked: ExportSettings, formats: Mapping[str, Mapping[str, Any]]) -> Facts:
    from stemma.files import sha256_of
    from stemma.modeling.export.card.facts import CONFIG_KEYS, METRICS_KEYS, REPORT_KEYS, Facts
    from stemma.modeling.weights.copy import read_object

    settings, task = asked.export, asked.task
    training, record = TRAINED / "training.json", BASE / "base.json"
    return Facts(
        name=settings.model_name,
        task=task.name,
        formulas=formulas_of(task),
        license=settings.license,
        language=settings.language,
        dtype=settings.dtype,
        config=read_object(TRAINED / "config.json", keys=CONFIG_KEYS),
        metrics=read_object(METRICS, "evaluate", METRICS_KEYS),
        sources=read_object(RAW / "sources.json", "ingest", ["sources"])["sources"],
        report=read_object(PREPARED / "data_report.json", "prepare", REPORT_KEYS),
        training=read_object(training) if training.exists() else {},
        base={**read_object(record, "base", ["kind"]), "sha256": sha256_of(record)},
        beside=_is_beside(settings),
        formats=formats,
    )


def _files(folder: Path) -> list[dict[str, Any]]:
    return [_file(folder, path) for path in sorted(folder.rglob("*")) if path.is_file()]


def _file(folder: Path, path: Path) -> dict[str, Any]:
    from stemma.files import sha256_of

    name, size = path.relative_to(folder).as_posix(), path.stat().st_size
    return {"path": name, "bytes": size, "sha256": sha256_of(path)}


def main() -> None:
    """Run the stage with the settings of params.yaml."""
    stage.main("export", ExportSettings, run)


if __name__ == "__main__":
    main()
