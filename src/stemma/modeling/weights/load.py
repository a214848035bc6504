"""Load a trained model, be it whole or an adapter to be merged into its base."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stemma.errors import ModelError
from stemma.files import read_json
from stemma.layout import BASE
from stemma.modeling.weights import shards
from stemma.modeling.weights.torn import reading

if TYPE_CHECKING:
    from transformers import PreTrainedModel

ADAPTER = "adapter_model.safetensors"
ADAPTER_CONFIG = "adapter_config.json"
_REMEDY = "type `dvc repro`, or `dvc checkout` to restore the files"


def load_model(folder: Path, auto: str, device: str) -> PreTrainedModel:
    """Load a model in single precision, ready to score.

    Args:
        folder: written by `stemma.modeling.weights.save`, or models/base.
        auto: name of transformers' Auto class of the task.
        device: of torch, to which the model is moved.

    Raises:
        ModelError: a file is missing or torn, or the weights are not those of the configuration.
    """
    import transformers

    model: Any = load(folder, getattr(transformers, auto))
    return model.to(device).eval()


def load_base(auto: str, device: str) -> PreTrainedModel | None:
    """Load models/base as ``load_model`` does; None if there is no base, or it has no such head.

    Raises:
        ModelError: a file is missing or torn.
    """
    if not (BASE / "config.json").exists():
        return None
    import transformers

    model, missing = _read(BASE, BASE, getattr(transformers, auto))
    return None if missing else model.to(device).eval()


def load_saved(folder: Path) -> PreTrainedModel:
    """Load a model as the class that its configuration names.

    Raises:
        ModelError: as ``load_model``.
    """
    import transformers

    try:
        config = read_json(folder / "config.json")
        own = [name for name in config.get("auto_map", {}) if name.startswith("AutoModel")]
        kind = getattr(transformers, own[0] if own else config["architectures"][0])
    except (OSError, ValueError, LookupError, AttributeError, TypeError) as error:
        path = folder / "config.json"
        raise ModelError(f"{path} names no architecture: {error!r}", _REMEDY) from error
    return load(folder, kind)


def load(folder: Path, kind: Any) -> PreTrainedModel:
    """Load a model in single precision as ``kind``, a class of transformers.

    Raises:
        ModelError: as ``load_model``.
    """
    weights = BASE if (folder / ADAPTER).is_file() else folder
    model, missing = _read(folder, weights, kind)
    # transformers would go on with random numbers in their place.
    if missing:
        raise ModelError(f"{weights / shards.SINGLE} has no weight '{min(missing)}'", _REMEDY)
    return model


def _read(folder: Path, weights: Path, kind: Any) -> tuple[Any, set[str]]:
    """Return the model, and the names of the weights that no file has.

    Raises:
        ModelError: a file is missing, torn or wrong.
        MemoryError: memory ran out.
    """
    _check(folder, weights)
    import torch
    from transformers import AutoConfig
    from transformers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()
    # The base stage lets in only code whose digest is set under model.base.trusted.
    trust = any(folder.glob("*.py"))
    with reading(f"{folder} cannot be loaded", _REMEDY):
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=trust)
        model, loading = kind.from_pretrained(
            weights,
            config=config,
            local_files_only=True,
            use_safetensors=True,
            dtype=torch.float32,
            output_loading_info=True,
            trust_remote_code=trust,
        )
        missing = set(loading["missing_keys"])
        return (model, missing) if weights == folder else _merged(model, folder, missing)


def _check(folder: Path, weights: Path) -> None:
    single = not (weights / shards.INDEX).exists()
    for path in (folder / "config.json", *([weights / shards.SINGLE] if single else [])):
        if not path.is_file():
            raise ModelError(f"{path} does not exist", _REMEDY)


@contextlib.contextmanager
def quiet_peft() -> Iterator[None]:
    """Silence a warning that PEFT causes: it still uses a name that transformers will drop."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing`", FutureWarning)
        yield


def _merged(model: Any, folder: Path, missing: set[str]) -> tuple[Any, set[str]]:
    from peft import PeftModel

    # The adapter brings the modules that the base does not have.
    brought = tuple(read_json(folder / ADAPTER_CONFIG).get("modules_to_save") or ())
    with quiet_peft():
        adapted: Any = PeftModel.from_pretrained(model, str(folder))
    merged = adapted.merge_and_unload(safe_merge=True)
    return merged, {name for name in missing if not name.startswith(brought)}
