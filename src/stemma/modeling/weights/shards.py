"""Weights as one file per layer with the standard index, which ``from_pretrained`` reads.

DVC stores equal files once, so layers that training leaves unchanged take no second copy.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError, safe_open

from stemma import lfs
from stemma.errors import ModelError
from stemma.files import read_json, write_json

if TYPE_CHECKING:
    from torch import Tensor

INDEX = "model.safetensors.index.json"
SINGLE = "model.safetensors"
# It also makes models/base again, if that is not what the settings say.
_REMEDY = "type `dvc repro train`, or `dvc checkout` to restore the files"
_NUMBERED = re.compile(r"(.*?\.\d+)\.")


def locate(folder: Path) -> dict[str, Path]:
    """Return the file of each tensor of a model, sorted by name.

    Raises:
        ModelError: there are no weights, or the index or a file is missing or torn.
    """
    try:
        if not (folder / INDEX).exists():
            with safe_open(folder / SINGLE, framework="numpy") as file:
                return dict.fromkeys(sorted(file.keys()), folder / SINGLE)
        mapped = read_json(folder / INDEX)["weight_map"]
        files = {name: folder / Path(file).name for name, file in sorted(mapped.items())}
    except FileNotFoundError as error:
        raise ModelError(f"{folder / SINGLE} does not exist", _REMEDY) from error
    except SafetensorError as error:
        lfs.refuse_file(folder / SINGLE, ModelError)
        raise ModelError(f"{folder / SINGLE} is torn: {error}", _REMEDY) from error
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise ModelError(f"{folder / INDEX} is no index: {error!r}", _REMEDY) from error
    for file in sorted(set(files.values())):
        if not file.is_file():
            raise ModelError(f"{file} does not exist, which {INDEX} names", _REMEDY)
    return files


def write(source: Path, folder: Path, like: Path | None = None, dtype: Any = None) -> None:
    """Write the weights of one folder into another, a file per layer.

    Args:
        source: has model.safetensors, or several files and an index.
        folder: an existing folder.
        like: the folder of another model; a tensor equal to its tensor is written in its type.
        dtype: torch's type to round to; None leaves the numbers as they are.

    Raises:
        ModelError: a file of ``source`` or ``like`` is missing or torn.
    """
    located = locate(source)
    base = locate(like) if like else {}
    with Reader(located) as ours, Reader(base) as theirs:

        def tensor(name: str) -> Tensor:
            kept = _kept(name, ours[name], theirs)
            return kept if dtype is None else _rounded(kept, dtype)

        write_tensors(located, tensor, folder)


def write_tensors(names: Iterable[str], tensor: Callable[[str], Tensor], folder: Path) -> None:
    """Write the weights of a model, a file per layer; those of one layer are in memory at a time.

    Args:
        names: of the tensors.
        tensor: from the name of a tensor to its numbers.
        folder: an existing folder.
    """
    from safetensors.torch import save_file

    layers: dict[str, list[str]] = {}
    for name in names:
        layers.setdefault(_file_of(name), []).append(name)
    total = 0
    for file, inside in layers.items():
        tensors = {name: tensor(name) for name in inside}
        total += sum(one.nbytes for one in tensors.values())
        save_file(tensors, folder / file, {"format": "pt"})
    write_index(folder, {name: file for file, inside in layers.items() for name in inside}, total)


def write_index(folder: Path, files: Mapping[str, str], total: int) -> None:
    """Write the index of a model.

    Args:
        folder: of the model.
        files: the name of the file of each tensor.
        total: bytes of all tensors.
    """
    write_json(folder / INDEX, {"metadata": {"total_size": total}, "weight_map": dict(files)})


class Reader(contextlib.ExitStack):
    """The tensors of a model by name, each read when it is asked for.

    Args:
        located: the file of each tensor.
    """

    def __init__(self, located: Mapping[str, Path]) -> None:
        super().__init__()
        self._located, self._open = located, dict[Path, Any]()

    def __contains__(self, name: str) -> bool:
        return name in self._located

    def __getitem__(self, name: str) -> Tensor:
        """Return a tensor.

        Raises:
            ModelError: the tensor's file is torn.
        """
        return self._ask(name, lambda file: file.get_tensor(name))

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of a tensor, whose numbers are not read.

        Raises:
            ModelError: the tensor's file is torn.
        """
        return self._ask(name, lambda file: tuple(file.get_slice(name).get_shape()))

    def _ask(self, name: str, what: Callable[[Any], Any]) -> Any:
        path = self._located[name]
        try:
            if path not in self._open:
                self._open[path] = self.enter_context(safe_open(path, framework="pt"))
            return what(self._open[path])
        except SafetensorError as error:
            lfs.refuse_file(path, ModelError)
            raise ModelError(f"{path} is torn or no safetensors file: {error}", _REMEDY) from error


def numbered(names: Iterator[str]) -> list[str]:
    """Return the layers that tensors belong to, in order, by name, such as ``model.layers.0``."""
    return list(dict.fromkeys(found[1] for name in names if (found := _NUMBERED.match(name))))


def _file_of(tensor: str) -> str:
    # The outermost numbered module is a layer; what is outside of layers goes by module.
    layer = _NUMBERED.match(tensor)
    return f"{layer[1] if layer else tensor.rpartition('.')[0] or tensor}.safetensors"


def _kept(name: str, tensor: Tensor, base: Reader) -> Tensor:
    if name not in base:
        return tensor
    before = base[name]
    same = before.shape == tensor.shape and bool((before.to(tensor.dtype) == tensor).all())
    return before if same else tensor


def _rounded(tensor: Tensor, dtype: Any) -> Tensor:
    return tensor.to(dtype) if tensor.is_floating_point() else tensor
