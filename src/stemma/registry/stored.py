"""Loads a model as a server does: in the numbers that are stored."""

from pathlib import Path
from typing import Any

from stemma.errors import ModelError
from stemma.layout import EXPORTED


def load_stored(folder: Path) -> Any:
    """Load models/exported of a folder, with models/base where it is an adapter.

    Raises:
        ModelError: a file is missing or torn.
    """
    import contextlib

    import transformers

    from stemma.modeling.weights.load import ADAPTER, load_saved
    from stemma.modeling.weights.torn import reading

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    with contextlib.chdir(folder):  # where an adapter finds its base
        if (EXPORTED / ADAPTER).exists():
            return load_saved(EXPORTED)
        here: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
        with reading(f"{EXPORTED} cannot be loaded", "`dvc checkout` brings its files back"):
            config = transformers.AutoConfig.from_pretrained(EXPORTED, **here)
            kind = getattr(transformers, (config.architectures or ["none"])[0])
            # `load_saved` would make the numbers wider.
            model, told = kind.from_pretrained(
                EXPORTED, use_safetensors=True, dtype="auto", output_loading_info=True, **here
            )
        if told["missing_keys"]:
            raise ModelError(
                f"{EXPORTED} has no weights for {min(told['missing_keys'])}", "`dvc repro export`"
            )
        return model
