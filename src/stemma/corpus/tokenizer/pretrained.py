"""Read an existing tokenizer: of a base, below data/input, or on the Hugging Face hub."""

import contextlib
import json
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from stemma import layout, lfs
from stemma.corpus import inputs
from stemma.corpus.tokenizer.reading import read_tokenizer
from stemma.corpus.tokenizer.settings import BaseTokenizer, PretrainedTokenizer
from stemma.errors import DataError

_CONFIG, _TEMPLATE = "tokenizer_config.json", "chat_template.jinja"
END_OF_TEXT = "<|endoftext|>"
_TOKENS = ("bos_token", "eos_token", "unk_token", "pad_token", "mask_token")
# The keys of tokenizer_config.json that are kept, and their types.
_KEPT: dict[str, tuple[Any, str]] = {
    **dict.fromkeys(_TOKENS, (str, 'a text, or an object with one as "content"')),
    "chat_template": (str | list, "a text, or a list of named ones"),
    "model_max_length": (int | float, "a number"),
}
_SAVE = "save a fast tokenizer there with save_pretrained()"


def load_pretrained(
    settings: PretrainedTokenizer | BaseTokenizer,
) -> tuple[Tokenizer, dict[str, Any]]:
    """Return the tokenizer and what to keep of its tokenizer_config.json.

    The end-of-text token is the file's ``eos_token``, or ``<|endoftext|>`` if it names none.

    Raises:
        DataError: the tokenizer is missing, cannot be read, is random (BPE dropout), or has no
            end-of-text token.
        SourceError: its path is not below data/input, or DVC does not see what is there.
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
    found = read_config(path.with_name(_CONFIG))
    config = {key: _plain(value) for key, value in found.items() if key in _KEPT}
    template = path.with_name(_TEMPLATE)
    if template.exists():
        config["chat_template"] = _read_text(template)
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
    path = inputs.below(
        name,
        "tokenizer.path",
        "copy it there, or give tokenizer.revision for a repository of the hub",
    )
    file = path / "tokenizer.json" if path.is_dir() else path
    if not file.is_file():
        raise DataError(f"tokenizer.path: {file} does not exist", _SAVE)
    return file


def _download(name: str, revision: str) -> Path:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import RemoteEntryNotFoundError

    try:
        path = Path(hf_hub_download(name, "tokenizer.json", revision=revision))
        for beside in (_CONFIG, _TEMPLATE):
            with contextlib.suppress(RemoteEntryNotFoundError):
                hf_hub_download(name, beside, revision=revision)
    except (OSError, ValueError) as error:
        raise DataError(
            f"tokenizer.path: {name} at {revision} cannot be fetched: {error}",
            "check the name, the revision and the network",
        ) from error
    return path


def _read(path: Path) -> Tokenizer:
    lfs.refuse_file(path, DataError)
    what = f"tokenizer.path: {path} is no tokenizer.json"
    tokenizer = read_tokenizer(path, DataError, what, _SAVE)
    if getattr(tokenizer.model, "dropout", None):
        raise DataError(
            f"tokenizer.path: {path} has BPE dropout", "set model.dropout to null in it"
        )
    return tokenizer


def read_config(file: Path) -> dict[str, Any]:
    """Return the contents of a tokenizer_config.json; {} if there is no such file.

    Raises:
        DataError: the file is a pointer of Git LFS or no JSON object, or a key that is kept has a
            value of another type.
    """
    if not file.exists():
        return {}
    try:
        config = json.loads(_read_text(file))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{file} is no JSON: {error}", _SAVE) from error
    if not isinstance(config, dict):
        raise DataError(f"{file} holds no JSON object", _SAVE)
    for key, (kind, expected) in _KEPT.items():
        value = _plain(config.get(key))
        if value is not None and not isinstance(value, kind):
            raise DataError(
                f"{file}: '{key}' is {type(value).__name__}, not {expected}", "mend or remove it"
            )
    return config


def _plain(value: Any) -> Any:
    # An AddedToken, written out.
    return value.get("content", value) if isinstance(value, dict) else value


def _read_text(file: Path) -> str:
    lfs.refuse_file(file, DataError)
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"{file} is no UTF-8: {error.reason}", _SAVE) from error
