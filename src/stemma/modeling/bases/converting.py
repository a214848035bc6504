"""Turn a model that was found into a base: checked, split by layer, always the same bytes."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from stemma.corpus.tokenizer.pretrained import read_config
from stemma.corpus.tokenizer.reading import read_tokenizer
from stemma.errors import ModelError
from stemma.files import read_json, sha256_of, write_json
from stemma.modeling.bases.settings import Single
from stemma.modeling.bases.sources import Source, opened
from stemma.modeling.weights import shards
from stemma.modeling.weights.load import ADAPTER
from stemma.modeling.weights.torn import first_line, reading

_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")
_TEMPLATE = "chat_template.jinja"
# Types of the keys of a configuration that are read here before transformers reads them.
_TYPES = {"architectures": list, "auto_map": dict}
# Keys that name the machine or a file, or belong to code that is not carried along.
_DROPPED = (
    *("_name_or_path", "_model_name_or_path", "name_or_path", "is_local", "local_files_only"),
    *("_from_model_config", "quantization_config"),
)


def convert(base: Single, folder: Path, key: str = "") -> dict[str, Any]:
    """Write a model into ``folder``, and return where it is from, as base.json has it.

    Args:
        base: what names the model.
        folder: an existing, empty folder.
        key: of the setting that names it, for messages; empty if that is model.base itself.

    Raises:
        SourceError: the model cannot be fetched, or is not what the settings name.
        ModelError: it has no safetensors, is torn, is an adapter, has weights that are not finite,
            would run code that nobody trusts, or has a tokenizer that does not fit.
    """
    with opened(base, key) as source:
        _convert(source, folder)
        return {
            "kind": base.kind,
            "id": getattr(base, "id", None),  # what the Hub calls it
            "origin": source.origin,
            "version": source.version,
            "license": base.license,
        }


def _convert(source: Source, folder: Path) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        saved = Path(temporary)
        if source.gguf:
            _save_gguf(source, source.gguf, saved)
            tokenizer = saved
        else:
            _check_whole(source)
            config = _read(source.folder / "config.json", source)
            _check_weights(source)
            _save(source, config, saved)
            tokenizer = source.folder
        shards.write(saved, folder)
        _check_numbers(source, folder)
        config = _read(saved / "config.json", source)
        for name in ("config.json", "generation_config.json"):
            if (saved / name).exists():
                write_json(folder / name, _cleaned(_read(saved / name, source)))
        _copy_tokenizer(source, tokenizer, folder, config)
        for code in sorted(source.folder.glob("*.py")) if "auto_map" in config else ():
            shutil.copyfile(code, folder / code.name)


def _save_gguf(source: Source, file: str, saved: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    _silence()
    with reading(f"{file} cannot be read as GGUF", said=first_line):
        model: Any = AutoModelForCausalLM.from_pretrained(
            source.folder,
            gguf_file=file,
            dtype=torch.float32,
            # Without it the packages that happen to be installed would decide, and what is left of
            # the quantisation could not be saved.
            quantization_config=GgufConfig(dequantize=True),
        )
        tokenizer = AutoTokenizer.from_pretrained(source.folder, gguf_file=file)
    model.to(torch.bfloat16).save_pretrained(saved)
    tokenizer.save_pretrained(saved)


def _save(source: Source, config: dict[str, Any], saved: Path) -> None:
    trust = _is_trusted(source, config)
    kind = _class_of(source, config)
    _silence()
    # Trusted code may import a package that is not installed.
    with reading(f"{source.name} cannot be loaded", said=first_line, more=(ImportError,)):
        model, loading = kind.from_pretrained(
            source.folder,
            dtype="auto",
            local_files_only=True,
            use_safetensors=True,
            output_loading_info=True,
            trust_remote_code=trust,
        )
        # Under the names that this version of transformers gives to tensors.
        model.save_pretrained(saved)
    if loading["missing_keys"]:
        name = min(loading["missing_keys"])
        raise ModelError(f"{source.name} has no weight '{name}'", "save the whole model there")


def _class_of(source: Source, config: dict[str, Any]) -> Any:
    import transformers

    own = [name for name in config.get("auto_map") or () if name.startswith("AutoModel")]
    name = own[0] if own else next(iter(config.get("architectures") or ()), None)
    found = getattr(transformers, str(name), None)
    if found is None:
        raise ModelError(
            f"{source.name}: its config.json names the architecture {name!r}, "
            "which transformers does not have",
            "write one that it has under 'architectures'",
        )
    return found


def _check_whole(source: Source) -> None:
    folder = source.folder
    if (folder / ADAPTER).exists() and not (folder / "config.json").exists():
        raise ModelError(
            f"{source.name} is an adapter without its base",
            "bring the whole model: PEFT's merge_and_unload() makes it",
        )


def _check_weights(source: Source) -> None:
    if any((source.folder / name).exists() for name in (shards.SINGLE, shards.INDEX)):
        return
    pickles = sorted(path.name for kind in _PICKLES for path in source.folder.glob(kind))
    if pickles:
        raise ModelError(
            f"{source.name} holds {pickles[0]}, a pickle, which can run code when it is loaded",
            "only safetensors are read: convert it where you trust it",
        )
    raise ModelError(f"{source.name} holds no {shards.SINGLE}", "only safetensors are read")


def _check_numbers(source: Source, folder: Path) -> None:
    # The loss of training would be no finite number, as if the training had diverged.
    located = shards.locate(folder)
    with shards.Reader(located) as tensors:
        for name in located:
            tensor = tensors[name]
            # torch cannot tell whether numbers of one byte are finite.
            wide = tensor.float() if tensor.element_size() == 1 else tensor
            if broken := int((~wide.isfinite()).sum()):
                are = "weight of {} is" if broken == 1 else "weights of {} are"
                raise ModelError(
                    f"{source.name}: {broken:,} {are.format(name)} no number (NaN or infinite)",
                    "bring the weights from before they broke, or another model",
                )


def _is_trusted(source: Source, config: dict[str, Any]) -> bool:
    if not config.get("auto_map"):
        return False
    if any("--" in str(target) for target in config["auto_map"].values()):
        raise ModelError(
            f"{source.name} runs code of another repository (auto_map in its config.json)",
            "bring that code along beside it",
        )
    for code in sorted(source.folder.glob("*.py")):
        digest = sha256_of(code)
        if digest not in source.trusted:
            raise ModelError(
                f"{source.name} would run {code.name} (auto_map in its config.json)",
                f"read it; to trust it, put {digest} into model.base.trusted in conf/model",
            )
    return True


def _copy_tokenizer(source: Source, tokenizer: Path, folder: Path, config: dict[str, Any]) -> None:
    path = tokenizer / "tokenizer.json"
    if not path.is_file():
        raise ModelError(
            f"{source.name} holds no tokenizer.json", "save its fast tokenizer beside it"
        )
    found = read_tokenizer(path, ModelError, f"{source.name}: tokenizer.json is torn")
    vocabulary = found.get_vocab(with_added_tokens=True)
    largest, size = max(vocabulary.values(), default=0), config.get("vocab_size")
    if size is not None and largest >= size:
        raise ModelError(
            f"{source.name}: its tokenizer has id {largest}, but the model knows {size} tokens",
            "that is the tokenizer of another model",
        )
    shutil.copyfile(path, folder / path.name)
    settings = tokenizer / "tokenizer_config.json"
    found = _cleaned(read_config(settings))
    found.pop("auto_map", None)
    context = config.get("max_position_embeddings")
    if context is not None:
        # Without a limit of its own, transformers writes 10 ** 30.
        found["model_max_length"] = int(min(context, found.get("model_max_length") or context))
    write_json(folder / settings.name, found)
    if (tokenizer / _TEMPLATE).exists():
        shutil.copyfile(tokenizer / _TEMPLATE, folder / _TEMPLATE)


def _silence() -> None:
    from transformers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()


def _cleaned(config: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in config.items() if key not in _DROPPED}


def _read(path: Path, source: Source) -> dict[str, Any]:
    try:
        value = read_json(path)
    except FileNotFoundError as error:
        raise ModelError(
            f"{source.name} holds no {path.name}", "save a model there with save_pretrained()"
        ) from error
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{source.name}: {path.name} is no JSON: {error}") from error
    if not isinstance(value, dict):
        raise ModelError(f"{source.name}: {path.name} holds no JSON object")
    for key, kind in _TYPES.items():
        if value.get(key) is not None and not isinstance(value[key], kind):
            raise ModelError(
                f"{source.name}: '{key}' in {path.name} is {type(value[key]).__name__}, "
                f"not {kind.__name__}"
            )
    return value
