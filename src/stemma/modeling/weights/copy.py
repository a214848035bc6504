"""Copy a trained model for others to load: safetensors, configuration, tokenizer."""

import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from safetensors import SafetensorError, safe_open

from stemma import merging
from stemma.errors import ModelError
from stemma.files import write_json
from stemma.layout import BASE
from stemma.modeling.weights import shards
from stemma.modeling.weights.load import ADAPTER, ADAPTER_CONFIG
from stemma.modeling.weights.rounding import round_file

DType = Literal["float32", "bfloat16"]

REMEDY = "type `dvc repro train`, or `dvc checkout` to restore the files"
_CODES = {"float32": "F32", "bfloat16": "BF16"}
_FLOATS = ("F64", "F32", "F16", "BF16")
_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib", ".npy", ".npz")
_TOKENIZER = ("tokenizer.json", "tokenizer_config.json")
_OPTIONAL = ("special_tokens_map.json", "added_tokens.json", "chat_template.jinja")


def copy_model(trained: Path, folder: Path, dtype: DType, merge: bool) -> None:
    """Write what ``from_pretrained`` needs into ``folder``.

    Args:
        trained: the folder of the trained model.
        folder: an existing folder.
        dtype: the type of the weights; if they have it already, they are copied unchanged.
        merge: whether an adapter is added to the weights of its base; if not, the base is copied,
            and the adapter goes into the folder ``adapter`` beside it.

    Raises:
        ModelError: a file is missing or torn, or could run code when it is loaded.
    """
    for path in sorted(trained.rglob("*")):
        if path.suffix in _PICKLES:
            raise ModelError(
                f"{path} may hold pickled objects, which run code when they are loaded",
                "delete it; weights belong into model.safetensors",
            )
    config = read_object(trained / "config.json")
    for name in _TOKENIZER:
        if not (trained / name).is_file():
            raise ModelError(f"{trained / name} does not exist", REMEDY)
    if not (trained / ADAPTER).exists():
        copy_weights(trained, folder, dtype)
    elif merge:
        _merge(trained, folder, dtype)
    else:
        copy_weights(BASE, folder, dtype)
        beside = folder / "adapter"
        beside.mkdir()
        _copy_file(trained / ADAPTER, beside / ADAPTER, dtype)
        shutil.copyfile(trained / ADAPTER_CONFIG, beside / ADAPTER_CONFIG)
    write_json(folder / "config.json", {**config, "dtype": dtype})
    generation = trained / "generation_config.json"
    if generation.exists():  # a model that writes text has one
        write_json(folder / generation.name, read_object(generation))
    code = (path.name for path in sorted(trained.glob("*.py")))
    for name in (*_TOKENIZER, *code, *(name for name in _OPTIONAL if (trained / name).exists())):
        shutil.copyfile(trained / name, folder / name)


def weight_files(folder: Path) -> list[Path]:
    """Return the files of a folder that hold the weights of its model, their index included."""
    kinds = (".safetensors", ".onnx", ".gguf")
    return sorted(
        path for path in folder.iterdir() if path.suffix in kinds or path.name == shards.INDEX
    )


def size_of(folder: Path) -> int:
    """Return how many bytes the weight files of a folder have."""
    return sum(path.stat().st_size for path in weight_files(folder))


def read_object(path: Path, stage: str = "train", keys: Iterable[str] = ()) -> dict[str, Any]:
    """Read a JSON object that a stage has written.

    Args:
        path: the file.
        stage: the stage that wrote it.
        keys: the keys that it must have.

    Raises:
        ModelError: the file is missing or torn, lacks a key, or holds something else.
    """
    remedy = f"type `dvc repro {stage}`, or `dvc checkout` to restore the files"
    try:
        text = path.read_text(encoding="utf-8")
        merging.check(text, path.as_posix(), ModelError)
        value = json.loads(text)
    except FileNotFoundError as error:
        raise ModelError(f"{path} does not exist", remedy) from error
    except ValueError as error:
        raise ModelError(f"{path} is no JSON: {error}", remedy) from error
    if not isinstance(value, dict):
        raise ModelError(f"{path} holds no JSON object", remedy)
    for key in keys:
        if key not in value:
            raise ModelError(f"{path} has no key '{key}'", remedy)
    return value


def copy_weights(source: Path, folder: Path, dtype: DType) -> None:
    """Copy the weights of a model and their index, rounding them if they have another type.

    Raises:
        ModelError: a file is missing or torn.
    """
    located = shards.locate(source)
    files = sorted(set(located.values()))
    total = sum(_copy_file(file, folder / file.name, dtype) for file in files)
    if files != [source / shards.SINGLE]:
        shards.write_index(folder, {name: file.name for name, file in located.items()}, total)


def _merge(trained: Path, folder: Path, dtype: DType) -> None:
    import torch

    from stemma.modeling.weights.load import load_saved

    work = folder.with_name("merged")
    load_saved(trained).save_pretrained(work)
    shards.write(work, folder, dtype=getattr(torch, dtype))
    shutil.rmtree(work)


def _copy_file(source: Path, target: Path, dtype: DType) -> int:
    """Copy one file of weights; return how many bytes its tensors have."""
    try:
        with safe_open(source, framework="numpy") as file:
            found = {file.get_slice(name).get_dtype() for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ModelError(f"{source} is torn or no safetensors file: {error}", REMEDY) from error
    if found & set(_FLOATS) <= {_CODES[dtype]}:
        shutil.copyfile(source, target)
        return _size(target)
    round_file(source, target, _CODES[dtype])
    return _size(target)


def _size(file: Path) -> int:
    # A safetensors file begins with the length of its header, in eight bytes.
    with file.open("rb") as handle:
        return file.stat().st_size - 8 - int.from_bytes(handle.read(8), "little")
