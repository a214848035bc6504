"""Make one model of several that were trained alike: the parents, and what they descend from."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stemma import hashes
from stemma.corpus.tokenizer.reading import read_tokenizer
from stemma.errors import ModelError
from stemma.files import read_json, sha256_of, write_json
from stemma.modeling.bases import methods
from stemma.modeling.bases.converting import convert
from stemma.modeling.bases.settings import MergedBase, Parent, PathBase
from stemma.modeling.weights import shards

if TYPE_CHECKING:
    from torch import Tensor

_WEIGHTS = ".safetensors"
_CONFIG = "config.json"
# Keys of a configuration that do not say which function of its weights a model is.
_ASIDE = ("dtype", "torch_dtype", "transformers_version", "use_cache")
_ENDS_ASIDE = ("_token_id", "dropout", "_pdrop")
_ALIKE = "only models of one shape, family and tokenizer can be merged"


@dataclasses.dataclass(frozen=True)
class _Model:
    """A model to be merged, as it stands in a folder of its own."""

    name: str
    folder: Path
    facts: dict[str, Any]

    @functools.cached_property
    def tensors(self) -> dict[str, Path]:
        return shards.locate(self.folder)

    @functools.cached_property
    def config(self) -> dict[str, Any]:
        return read_json(self.folder / _CONFIG)

    @functools.cached_property
    def tokenizer(self) -> str:
        path = self.folder / "tokenizer.json"
        return read_tokenizer(path, ModelError, f"{self.name}: tokenizer.json is torn").to_str()


def merge(base: MergedBase, folder: Path) -> dict[str, Any]:
    """Write a merged model into ``folder``, and return where it is from, as base.json has it.

    Its configuration, tokenizer and chat template are those of the first parent. The parents lie
    on the disk meanwhile, laid out as bases; of the weights a tensor of each is in memory, and
    those of one layer that are merged.

    Args:
        base: which models, and how.
        folder: an existing, empty folder.

    Raises:
        SourceError: a parent cannot be fetched, or is not what the settings name.
        ModelError: a parent cannot be a base; they differ in shape, family or tokenizer; or a
            merged weight is not finite.
    """
    with tempfile.TemporaryDirectory() as temporary:
        models = list(_laid_out(base, Path(temporary)))
        first = models[0]
        for other in models[1:]:
            _check_alike(first, other)
        parents = models[: len(base.parents)]
        _write(base, models, folder)
        for path in sorted(first.folder.iterdir()):
            if path.suffix != _WEIGHTS and path.name != shards.INDEX:
                shutil.copyfile(path, folder / path.name)
        if len({model.config.get("dtype") for model in parents}) > 1:
            write_json(folder / _CONFIG, {**first.config, "dtype": "float32"})
        return {
            "kind": base.kind,
            "id": None,
            "origin": f"{base.method} of {', '.join(one.facts['origin'] for one in parents)}",
            "version": "",
            "license": base.license,
            "method": base.method,
            "weights": base.counts,
            "density": base.density,
            "parents": [model.facts for model in parents],
            "ancestor": models[-1].facts if base.ancestor else None,
        }


def _laid_out(base: MergedBase, work: Path) -> Iterator[_Model]:
    named = [(f"model.base.parents.{index}", one) for index, one in enumerate(base.parents)]
    named += [("model.base.ancestor", base.ancestor)] if base.ancestor else []
    for number, (key, parent) in enumerate(named):
        folder = work / str(number)
        folder.mkdir()
        facts = convert(_single(parent, base.license), folder, key)
        files = {path.name: sha256_of(path) for path in sorted(folder.iterdir())}
        # What DVC calls them: by this a version that made such a file is found.
        md5s = {
            name: md5 for name, md5 in hashes.hashes_of(folder).items() if name.endswith(_WEIGHTS)
        }
        yield _Model(facts["origin"], folder, {**facts, "files": files, "weights": md5s})


def _single(parent: Parent, license: str) -> Any:
    if isinstance(parent, str):
        return PathBase(kind="path", path=parent, license=license, trusted=())
    return parent


def _check_alike(one: _Model, other: _Model) -> None:
    """Refuse two models whose weights do not mean the same.

    Raises:
        ModelError: names the first thing that they do not have alike.
    """
    differing = next(_differences(one, other), None)
    if differing:
        raise ModelError(f"{other.name} cannot be merged with {one.name}: {differing}", _ALIKE)


def _differences(one: _Model, other: _Model) -> Iterator[str]:
    ours, theirs = one.config, other.config
    for key in ("model_type", "architectures"):
        if ours.get(key) != theirs.get(key):
            yield f"its {key} is {theirs.get(key)!r}, not {ours.get(key)!r}"
    for name in sorted(one.tensors.keys() ^ other.tensors.keys()):
        lacking = one if name in other.tensors else other
        yield f"{lacking.name} has no weight '{name}'"
    with shards.Reader(one.tensors) as first, shards.Reader(other.tensors) as second:
        for name in one.tensors:
            if (shape := second.shape(name)) != (wanted := first.shape(name)):
                yield f"its {name} has the shape {shape}, not {wanted}"
    for key in sorted({*ours, *theirs}):
        aside = key in _ASIDE or key.endswith(_ENDS_ASIDE)
        if not aside and ours.get(key) != theirs.get(key):
            yield f"{key} in its {_CONFIG} is {theirs.get(key)!r}, not {ours.get(key)!r}"
    if one.tokenizer != other.tokenizer:
        yield "its tokenizer is another"


def _write(base: MergedBase, models: Sequence[_Model], folder: Path) -> None:
    with contextlib.ExitStack() as stack:
        readers = [stack.enter_context(shards.Reader(model.tensors)) for model in models]
        shards.write_tensors(
            models[0].tensors,
            lambda name: _merged(base, name, [reader[name] for reader in readers]),
            folder,
        )


def _merged(base: MergedBase, name: str, tensors: Sequence[Tensor]) -> Tensor:
    """Return a tensor in the narrowest type that holds those of all parents.

    Raises:
        ModelError: it is not finite, or has whole numbers that are not the same in all models.
    """
    import torch

    if not all(tensor.is_floating_point() for tensor in tensors):
        if all(torch.equal(tensors[0], tensor) for tensor in tensors):
            return tensors[0]
        raise ModelError(f"{name} has whole numbers, and not the same in all models", _ALIKE)
    parents = tensors[: len(base.parents)]
    kind = functools.reduce(torch.promote_types, (tensor.dtype for tensor in parents))
    wide = [tensor.float() for tensor in parents]
    if base.method == "average":
        made = methods.average(wide, base.counts)
    elif base.method == "task_arithmetic":
        made = methods.task_arithmetic(wide, base.counts, tensors[-1].float())
    else:
        made = methods.ties(wide, base.counts, tensors[-1].float(), base.density or 1.0)
    made = made.to(kind)
    if not made.isfinite().all():
        raise ModelError(
            f"{name}, merged, is no number (infinite)", "lower the numbers in model.base.weights"
        )
    return made
