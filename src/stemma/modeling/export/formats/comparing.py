"""The formats beside the original: what each one saves, and what it costs."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from tqdm import tqdm

from stemma.errors import ModelError
from stemma.files import read_json, write_json
from stemma.modeling.export.formats import Format
from stemma.modeling.metrics.names import names_of
from stemma.modeling.weights.copy import copy_weights, size_of, weight_files
from stemma.modeling.weights.load import load_saved

Metrics = dict[str, float]
_DIGITS = 10  # as metrics have


def write_formats(
    exported: Path,
    formats: Sequence[Format],
    sparsity: float,
    original: Mapping[str, Any],
    measure: Callable[[Any, Path], Metrics],
) -> dict[str, dict[str, Any]]:
    """Write the formats of a model into folders of their names, and measure each.

    Args:
        exported: the model, and where the folders are made.
        formats: names of the formats.
        sparsity: of ``pruned``: the share of each linear layer that becomes zero.
        original: metrics of the model.
        measure: from a loaded model and the folder with its tokenizer to its metrics.

    Returns:
        By format: ``bytes`` of the weights, the metrics, and under ``change`` how far each metric
        is from the original's.

    Raises:
        ModelError: the model has no such format, cannot be loaded, or has no finite loss.
    """
    shared = [path for path in sorted(exported.iterdir()) if path not in weight_files(exported)]
    table = {}
    for name in tqdm(dict.fromkeys(formats), desc="formats", disable=None):
        write, load = _maker_of(name, sparsity)
        folder = exported / name
        folder.mkdir()
        for path in shared:
            shutil.copyfile(path, folder / path.name)
        facts = write(exported, folder)
        metrics = _measured(name, measure, load(folder), folder)
        change = {
            key: round(metrics[key] - original[key], _DIGITS)
            for key in names_of(metrics)
            if key in original
        }
        table[name] = {"bytes": size_of(folder), **facts, **metrics, "change": change}
    return table


def _maker_of(name: Format, sparsity: float) -> tuple[Callable[..., Metrics], Callable[..., Any]]:
    """Return what writes a format and what loads it.

    By its name, so that a version depends on the formats that it has alone (`stemma.code`).
    """
    if name == "bf16":
        return _write_bf16, load_saved
    module = import_module(f"{__package__}.{name}")
    if name == "pruned":
        return partial(module.write, share=sparsity), load_saved
    return module.write, module.load


def _measured(
    name: str, measure: Callable[[Any, Path], Metrics], model: Any, folder: Path
) -> Metrics:
    try:
        return measure(model, folder)
    except ModelError as error:
        # The model itself was measured before, so whatever is wrong is wrong with the format.
        raise ModelError(
            f"export.formats: {name}: {error.message}", "leave this format out"
        ) from error


def _write_bf16(exported: Path, folder: Path) -> Metrics:
    copy_weights(exported, folder, "bfloat16")
    config = folder / "config.json"
    write_json(config, {**read_json(config), "dtype": "bfloat16"})
    return {}
