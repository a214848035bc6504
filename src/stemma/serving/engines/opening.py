"""Opens an engine by its name."""

from pathlib import Path
from typing import Any

from stemma.serving.engines.engine import Engine


def open_engine(folder: Path, settings: dict[str, Any]) -> Engine:
    """Load a model.

    Args:
        folder: with models/exported, and models/base if that is an adapter.
        settings: ``engine``, ``dtype``, ``running``, ``batched``, ``room``, as in defaults.yaml.

    Raises:
        ModelError: it cannot be loaded.
    """
    if settings["engine"] == "openvino":
        from stemma.serving.engines.openvino import OpenVino

        return OpenVino(folder, settings["dtype"], settings["running"], settings["room"])
    from stemma.serving.engines.transformers import Transformers

    return Transformers(
        folder, settings["dtype"], settings["running"], settings["batched"], settings["room"]
    )
