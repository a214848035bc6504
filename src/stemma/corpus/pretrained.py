"""Read a tokenizer that exists already: of a base, below data/input, on the Hugging Face hub."""

import contextlib
import json
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from stemma import layout
from stemma.corpus.vocabulary import BaseTokenizer, PretrainedTokenizer
from stemma.errors import DataError

END_OF_TEXT = "<|endoftext|>"
_TOKENS = ("bos_token", "eos_token", "unk_token", "pad_token", "mask_token")
_KEPT = (*_TOKENS, "chat_template", "model_max_length")


def load_pretrained(
    settings: PretrainedTokenizer | BaseTokenizer,
) -> tuple[Tokenizer, dict[str, Any]]:
    """Return the tokenizer and what to keep of its tokenizer_config.json.

    The end-of-text token is the file's ``eos_token``, or ``<|endoftext|>`` where it names none.

    Raises:
        DataError: it is not there, cannot be read, draws lots (BPE dropout), or has no end-of-text
            token.
    """
    if isinstance(settings, BaseTokenizer):
        path, end_of_text = _of_base(), settings.end_of_text
    else:
        path = (
            _download(settings.path, settings.revision)
            if settings.revision
            else _find(settings.path)
        )
        end_of_text = None
    tokenizer = _read(path)
    config = {key: value for key, value in _read_config(path).items() if key in _KEPT}
    for role in _TOKENS:
        if isinstance(config.get(role), dict):  # an AddedToken, written out
            config[role] = config[role]["content"]
    config["eos_token"] = end_of_text or config.get("eos_token") or END_OF_TEXT
    if tokenizer.token_to_id(config["eos_token"]) is None:
        raise DataError(
            f"tokenizer.path: the vocabulary of {path} lacks its end-of-text token "
            f"{config['eos_token']!r}",
            "name one of its entries as eos_token in tokenizer_config.json beside it",
        )
    return tokenizer, config


def _of_base() -> Path:
    file = layout.BASE / "tokenizer.json"
    if not file.is_file():
        raise DataError(
            f"tokenizer.kind is 'base', but {file} does not exist",
            "choose a model that has a base (-S model=smollm2_135m), or train a tokenizer "
            "(-S tokenizer=bpe)",
        )
    return file


def _find(name: str) -> Path:
    path = Path(name)
    if not path.resolve().is_relative_to(layout.INPUT.resolve()):
        raise DataError(
            f"tokenizer.path is {name}, which is not below {layout.INPUT}",
            "copy it there, or give tokenizer.revision for a repository of the hub",
        )
    file = path / "tokenizer.json" if path.is_dir() else path
    if not file.is_file():
        raise DataError(
            f"tokenizer.path: {file} does not exist",
            "save a fast tokenizer there with save_pretrained()",
        )
    return file


def _download(name: str, revision: str) -> Path:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import RemoteEntryNotFoundError

    try:
        path = Path(hf_hub_download(name, "tokenizer.json", revision=revision))
        for other in ("tokenizer_config.json", "chat_template.jinja"):
            with contextlib.suppress(RemoteEntryNotFoundError):
                hf_hub_download(name, other, revision=revision)
    except (OSError, ValueError) as error:
        raise DataError(
            f"tokenizer.path: {name} at {revision} cannot be fetched: {error}",
            "check the name, the revision and the network",
        ) from error
    return path


def _read(path: Path) -> Tokenizer:
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # tokenizers raises nothing narrower
        raise DataError(
            f"tokenizer.path: {path} is no tokenizer.json: {error}",
            "save a fast tokenizer there with save_pretrained()",
        ) from error
    if getattr(tokenizer.model, "dropout", None):
        raise DataError(
            f"tokenizer.path: {path} has BPE dropout", "set model.dropout to null in it"
        )
    return tokenizer


def _read_config(path: Path) -> dict[str, Any]:
    file = path.with_name("tokenizer_config.json")
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise DataError(f"tokenizer.path: {file} is no JSON: {error}") from error
    if not isinstance(config, dict):
        raise DataError(f"tokenizer.path: {file} holds no JSON object")
    template = path.with_name("chat_template.jinja")
    if template.exists():
        config["chat_template"] = template.read_text(encoding="utf-8")
    return config
