"""reports/measured.json: which weights were measured, and in what arithmetic.

Git keeps the file, so every clone of a commit has it. It names no machine: a version that comes out
the same on two processors has the same file on both.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stemma.errors import ModelError
from stemma.files import read_json, write_json
from stemma.hashes import hashes_of, name_of
from stemma.layout import MEASURED
from stemma.modeling.runtime import Runtime

_CAME_TO = ("device", "precision")


def record(trained: Path, runtime: Runtime) -> None:
    """Write which weights were measured, and in what arithmetic they were trained and measured.

    ``weights`` is DVC's name of the folder ``trained``. ``training`` and ``measuring`` have the
    device and the precision that ``auto`` came to; ``measuring`` also has the kernels that torch
    chose, such as AVX512. ``training`` is None if the model was not trained here.

    Raises:
        ModelError: training.json is torn.
    """
    import torch

    facts = trained / "training.json"
    try:
        made = read_json(facts).get("runtime") if facts.exists() else None
    except (ValueError, AttributeError) as error:
        raise ModelError(f"{facts} is torn: {error}", "type `dvc repro train`") from error
    write_json(
        MEASURED,
        {
            "weights": name_of(hashes_of(trained)),
            "training": made and _came_to(made),
            "measuring": {
                **_came_to(vars(runtime)),
                "kernels": torch.backends.cpu.get_cpu_capability(),
            },
        },
    )


def _came_to(facts: dict[str, Any]) -> dict[str, Any]:
    return {key: facts.get(key) for key in _CAME_TO}
