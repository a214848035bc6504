"""Write a trained model: whole, as the layers that changed, or as an adapter to its base."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from stemma.files import read_json, write_json
from stemma.layout import BASE
from stemma.modeling.weights import shards
from stemma.modeling.weights.load import ADAPTER, ADAPTER_CONFIG

_NAMES = ("_name_or_path", "_model_name_or_path")


def save_model(model: Any, folder: Path, based: bool) -> None:
    """Write a model as `stemma.modeling.weights.load` reads it.

    A model that is trained from scratch is one file. Trained from a base, it is a file per layer,
    whose unchanged tensors are the base's own, in their type; or an adapter and the configuration.

    Args:
        model: of transformers, or PEFT's wrapper around it.
        folder: an existing folder.
        based: whether it was trained from models/base.
    """
    if not based:
        model.save_pretrained(folder)
        return
    work = folder.with_name("whole")
    work.mkdir()
    if hasattr(model, "peft_config"):
        model.save_pretrained(work, save_embedding_layers=False)
        net = model.get_base_model()
        net.config.architectures = [type(net).__name__]
        net.config.save_pretrained(work)
        if net.can_generate():
            net.generation_config.save_pretrained(work)
        shutil.copyfile(work / ADAPTER, folder / ADAPTER)
        write_json(folder / ADAPTER_CONFIG, _portable(read_json(work / ADAPTER_CONFIG)))
    else:
        model.save_pretrained(work)
        shards.write(work, folder, like=BASE)
    for name in ("config.json", "generation_config.json"):
        if (work / name).exists():
            config = read_json(work / name)
            write_json(folder / name, {k: v for k, v in config.items() if k not in _NAMES})
    for code in sorted(BASE.glob("*.py")):
        shutil.copyfile(code, folder / code.name)
    shutil.rmtree(work)


def _portable(config: dict[str, Any]) -> dict[str, Any]:
    # The order of a set differs from process to process.
    ordered = {key: sorted(v) if isinstance(v, list) else v for key, v in config.items()}
    return {**ordered, "base_model_name_or_path": None}
