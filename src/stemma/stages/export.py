"""Put together what a server loads: models/exported.

Takes models/trained, reports/metrics.json, data/raw/sources.json and
data/prepared/data_report.json; gives a folder that ``AutoModelForCausalLM.from_pretrained`` loads
without this package, with a model card (README.md) and manifest.json, which has the size and the
SHA-256 of every other file. Beside them, and outside of the version, observed.json says what the
model was made on.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from stemma import stage
from stemma.config import settings
from stemma.layout import BASE, EXPORTED, METRICS, PREPARED, RAW, TRAINED

if TYPE_CHECKING:
    from stemma.modeling.card import Facts

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


@settings
class ExportSettings:
    """What this stage reads of params.yaml."""

    export: ExportSection


def run(settings: ExportSettings) -> None:
    """Write models/exported.

    Raises:
        ModelError: a file that it takes is missing or torn, or could run code when it is loaded.
    """
    from stemma.files import atomic_directory, write_json
    from stemma.modeling.card import write_card
    from stemma.modeling.observed import hand_on
    from stemma.modeling.weights import copy_model

    with atomic_directory(EXPORTED) as folder:
        copy_model(TRAINED, folder, settings.export.dtype, settings.export.merge)
        card = write_card(_facts(settings.export))
        (folder / "README.md").write_text(card, encoding="utf-8")
        write_json(folder / "manifest.json", {"files": _files(folder)})
        hand_on(TRAINED, folder)


def _facts(settings: ExportSection) -> Facts:
    from stemma.modeling.card import CONFIG_KEYS, REPORT_KEYS, Facts, metrics_keys
    from stemma.modeling.weights import read_object

    training = TRAINED / "training.json"
    return Facts(
        name=settings.model_name,
        license=settings.license,
        language=settings.language,
        dtype=settings.dtype,
        config=read_object(TRAINED / "config.json", keys=CONFIG_KEYS),
        metrics=read_object(METRICS, "evaluate", metrics_keys(read_object(METRICS, "evaluate"))),
        sources=read_object(RAW / "sources.json", "ingest", ["sources"])["sources"],
        report=read_object(PREPARED / "data_report.json", "prepare", REPORT_KEYS),
        training=read_object(training) if training.exists() else {},
        base=read_object(BASE / "base.json", "base", ["kind"]),
        beside=not settings.merge and (TRAINED / "adapter_config.json").exists(),
    )


def _files(folder: Path) -> list[dict[str, Any]]:
    from stemma.files import sha256_of

    return [
        {
            "path": path.relative_to(folder).as_posix(),
            "bytes": path.stat().st_size,
            "sha256": sha256_of(path),
        }
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    ]


def main() -> None:
    """Run the stage with the settings of params.yaml."""
    stage.main("export", ExportSettings, run)


if __name__ == "__main__":
    main()
