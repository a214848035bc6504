"""What models/base holds, whatever it is: training goes on from its weights."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

from stemma.config import settings
from stemma.errors import ModelError
from stemma.layout import BASE, PREPARED
from stemma.modeling.bases.settings import Base
from stemma.modeling.family import no_such_model

if TYPE_CHECKING:
    from stemma.modeling.family import Tokens

_REMEDY = "type `dvc repro base`, or `dvc checkout` to restore the files"


@settings
class Settings:
    """Which model; all of its shape stands in its own configuration."""

    name: str
    family: Literal["pretrained"]
    base: Base

    @property
    def context(self) -> None:
        """Not a setting: models/base has it."""
        return

    def build(self, auto: Any, tokens: Tokens, head: dict[str, Any]) -> Any:
        """Return the base in single precision; what it lacks for the task has random weights.

        Raises:
            ModelError: models/base is missing or torn, has no model for the task, or the data is
                in the tokens of another model.
        """
        import torch
        from transformers import AutoConfig
        from transformers.utils import logging

        logging.disable_progress_bar()
        logging.set_verbosity_error()
        _check_tokenizer()
        # The base stage lets in only code whose digest is set under model.base.trusted.
        trust = any(BASE.glob("*.py"))
        with _told():
            config = AutoConfig.from_pretrained(
                BASE, local_files_only=True, trust_remote_code=trust, **head
            )
        if not trust and type(config) not in auto._model_mapping:
            raise no_such_model(auto, config.model_type)
        if getattr(config, "pad_token_id", None) is None:
            config.pad_token_id = tokens.padding
        with _told():
            return auto.from_pretrained(
                BASE,
                config=config,
                dtype=torch.float32,
                local_files_only=True,
                use_safetensors=True,
                trust_remote_code=trust,
            )


@contextlib.contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except Exception as error:  # transformers and safetensors have no common exception
        said = str(error).strip().splitlines()[0]
        raise ModelError(f"{BASE} cannot be loaded for this task: {said}", _REMEDY) from error


def _check_tokenizer() -> None:
    from tokenizers import Tokenizer

    found = []
    for folder in (BASE, PREPARED / "tokenizer"):
        path = folder / "tokenizer.json"
        if not path.is_file():
            raise ModelError(f"{path} does not exist", "type `dvc repro`")
        found.append(Tokenizer.from_file(str(path)).get_vocab(with_added_tokens=True))
    if found[0] != found[1]:
        raise ModelError(
            f"{PREPARED} is in the tokens of another tokenizer than that of {BASE}",
            "use -S tokenizer=base",
        )
