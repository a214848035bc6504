"""The base stage: the trained model that training starts from, or several merged -> models/base.

Gives safetensors with one file per layer, the configuration, the tokenizer with its chat template,
and base.json: where it is from, under which licence, and the SHA-256 of every file. A model that is
trained from nothing has only base.json, which says so.
"""

from typing import Annotated, Any

import pydantic

from stemma import stage
from stemma.config import settings
from stemma.layout import BASE
from stemma.modeling.bases.settings import Base


@settings
class BaseOfModel:
    """The part of the section ``model`` that this stage reads."""

    base: Base | None


def _without_others(model: Any) -> Any:
    # The others are those of the family, on which a base does not depend.
    return {key: model[key] for key in ("base",) if key in model} if model else model


@settings
class BaseSettings:
    """What this stage reads of params.yaml."""

    model: Annotated[BaseOfModel, pydantic.BeforeValidator(_without_others)]


def run(settings: BaseSettings) -> None:
    """Write models/base.

    Raises:
        SourceError: the base cannot be fetched, or is not what the settings name.
        ModelError: it has no safetensors, is torn, would run code, or its tokenizer does not fit;
            or models cannot be merged.
    """
    from stemma.files import atomic_directory
    from stemma.modeling.bases.writing import write_base

    with atomic_directory(BASE) as folder:
        write_base(settings.model.base, folder)


def main() -> None:
    """Run the stage with the settings of params.yaml."""
    stage.main("base", BaseSettings, run)


if __name__ == "__main__":
    main()
