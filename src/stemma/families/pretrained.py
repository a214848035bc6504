"""Pretrained models of any family: training goes on from the weights in models/base."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from stemma.config import settings
from stemma.errors import ModelError
from stemma.layout import BASE, PREPARED
from stemma.modeling.bases.settings import Base
from stemma.modeling.family import no_such_model
from stemma.modeling.weights.torn import first_line, reading

if TYPE_CHECKING:
    from stemma.modeling.family import Tokens

_REMEDY = "type `dvc repro base`, or `dvc checkout` to restore the files"


@settings
class Settings:
    """Which model; its own configuration says what shape it has."""

    name: str
    family: Literal["pretrained"]
    base: Base

    @property
    def context(self) -> None:
        """Return None: the configuration in models/base says how many tokens the model sees."""
        return

    def build(self, auto: Any, tokens: Tokens, head: dict[str, Any]) -> Any:
        """Return the base in single precision; weights that it lacks for the task are random.

        Raises:
            ModelError: models/base is missing or torn, or has no model for the task; or
                data/prepared was made with another tokenizer.
        """
        import torch
        from transformers import AutoConfig
        from transformers.utils import logging

        logging.disable_progress_bar()
        logging.set_verbosity_error()
        _check_tokenizer()
        # The base stage lets in only code whose digest is set under model.base.trusted.
        trust = any(BASE.glob("*.py"))
        with reading(f"{BASE} cannot be loaded for this task", _REMEDY, first_line):
            config = AutoConfig.from_pretrained(
                BASE, local_files_only=True, trust_remote_code=trust, **head
            )
        if not trust and type(config) not in auto._model_mapping:
            raise no_such_model(auto, config.model_type)
        if getattr(config, "pad_token_id", None) is None:
            config.pad_token_id = tokens.padding
        with reading(f"{BASE} cannot be loaded for this task", _REMEDY, first_line):
            return auto.from_pretrained(
                BASE,
                config=config,
                dtype=torch.float32,
                local_files_only=True,
                use_safetensors=True,
                trust_remote_code=trust,
            )


def _check_tokenizer() -> None:
    from stemma.corpus.tokenizer.reading import read_tokenizer

    found = []
    for folder in (BASE, PREPARED / "tokenizer"):
        path = folder / "tokenizer.json"
        if not path.is_file():
            raise ModelError(f"{path} does not exist", "type `dvc repro`")
        tokenizer = read_tokenizer(path, ModelError, f"{path} holds no tokenizer", _REMEDY)
        found.append(tokenizer.get_vocab(with_added_tokens=True))
    if found[0] != found[1]:
        raise ModelError(
            f"{PREPARED} is in the tokens of another tokenizer than that of {BASE}",
            "use -S tokenizer=base",
        )
