"""Opens an engine by its name."""

from pathlib import Path
from typing import Any

from stemma.serving.engines.engine import Engine


def open_engine(folder: Path, settings: dict[str, Any]) -> Engine:
    """Load a model.

    Args:
        folder: with models/exported, and models/base if that is an adapter.
        settings: ``dtype``, ``running``, ``batched`` and ``room``, as conf/serving.yaml has them.

    Raises:
        ModelError: it cannot be loaded.
    """
    from stemma.serving.engines.transformers import Transformers

    return Transformers(
        folder, settings["dtype"], settings["running"], settings["batched"], settings["room"]
    )
