"""Loads a model as a server does: in the numbers that are stored."""

from pathlib import Path
from typing import Any

from stemma.layout import EXPORTED


def load_stored(folder: Path) -> Any:
    """Load models/exported of a folder, with models/base where it is an adapter.

    Raises:
        ModelError: a file is missing or torn.
    """
    import contextlib

    import transformers

    from stemma.modeling.weights.load import ADAPTER, load_saved

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    with contextlib.chdir(folder):  # where an adapter finds its base
        if (EXPORTED / ADAPTER).exists():
            return load_saved(EXPORTED)
        here: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
        config = transformers.AutoConfig.from_pretrained(EXPORTED, **here)
        kind = getattr(transformers, (config.architectures or ["none"])[0])
        # `load_saved` would make the numbers wider.
        return kind.from_pretrained(EXPORTED, use_safetensors=True, dtype="auto", **here)
