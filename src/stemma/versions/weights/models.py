"""The tensors of two versions, matched by name: which are the same, and which have to be read."""

import dataclasses
import functools
import json
import posixpath
from pathlib import Path

from stemma.errors import ModelError
from stemma.modeling.weights.load import ADAPTER, ADAPTER_CONFIG
from stemma.modeling.weights.shards import INDEX, SINGLE
from stemma.modeling.weights.tensors import SUFFIX, Stored, Tensor, is_known, read_header
from stemma.store.errors import MissingError
from stemma.store.version import Version
from stemma.versions.weights.adapters import Adapter, Product, Sum
from stemma.versions.weights.change import Pair, is_same

_FOLDERS = ("", "adapter/")  # as train and as export write one


class Model:
    """The weights of a version: whole weights, or an adapter and its base.

    Args:
        version: the version; at first only the hashes of its files are read.

    Attributes:
        name: of the version.
        listed: MD5 by path of each file of its trained model.
        adapted: whether it has an adapter.
        files: MD5 by path of each file with weights, and of the files that describe them.
        base: of these, the files of the whole weights; empty if the base is not known.
    """

    def __init__(self, version: Version) -> None:
        self.name, self._version = version.name, version
        # An output that is a file has no name within.
        self._alone = posixpath.basename(version.declared.trained)
        self.listed = version.files(version.declared.trained)
        self._trained = trained = {file or self._alone: md5 for file, md5 in self.listed.items()}
        beside = next((folder for folder in _FOLDERS if f"{folder}{ADAPTER}" in trained), None)
        self._folder = beside or ""
        # Exported, an adapter stands in a folder of its own below its base.
        self._output = version.declared.base if beside == "" else version.declared.trained
        self.base = {
            file: md5
            for file, md5 in (version.files(self._output) if beside == "" else trained).items()
            if "/" not in file and (file.endswith(SUFFIX) or file == INDEX) and file != ADAPTER
        }
        own = {} if beside is None else {name: trained.get(f"{beside}{name}") for name in _OWN}
        self.adapted = beside is not None
        self.files = {**self.base, **own}

    @functools.cached_property
    def adapter(self) -> Adapter | None:
        """The adapter; None if the version has none.

        Raises:
            ModelError: it cannot be read.
            MissingError: it cannot be found.
        """
        if not self.adapted:
            return None
        names = [f"{self._folder}{name}" for name in _OWN]
        for name in names:
            if name not in self._trained:
                raise ModelError(f"{self._version.name} has no {name}")
        paths = [self._path(self._version.declared.trained, name) for name in names]
        said = (f"{names[0]} of {self._version.name}", f"{names[1]} of {self._version.name}")
        return Adapter(paths[0], paths[1], said)

    @functools.cached_property
    def places(self) -> dict[str, str]:
        """The file of each tensor of the whole weights, by the tensor's name.

        Raises:
            ModelError: the index is torn, or names a file that is not there.
            MissingError: the files cannot be found, or the base of the adapter is not known.
        """
        if not self.base:
            raise MissingError(
                f"{self._version.name} is an adapter, and its base is not beside it",
                "name a version that has models/base, or another adapter of that base",
            )
        if INDEX not in self.base:
            return {name: file for file in self._singles for name in self._header(file)}
        said = f"{INDEX} of {self._version.name}"
        try:
            text = self._path(self._output, INDEX).read_bytes()
            places = dict(json.loads(text)["weight_map"])
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            raise ModelError(f"{said} is no index: {error!r}") from error
        for name, file in places.items():
            if file not in self.base:
                raise ModelError(f"{said} places '{name}' in {file}, which is not there")
        return places

    def names(self) -> set[str]:
        """Return the names of all tensors, with those that an adapter brings."""
        return {*self.places, *(self.adapter.brought if self.adapter else ())}

    def place(self, name: str) -> tuple[str, str] | None:
        """Return what identifies a tensor of the base: its name and the hash of its file.

        Two tensors with the same identity hold the same numbers; None if an adapter brings it.
        """
        if name not in self.places or (self.adapter and name in self.adapter.brought):
            return None
        return name, self.base[self.places[name]]

    def stored(self, name: str) -> Stored:
        """Return a tensor as it is stored in a file.

        Raises:
            ModelError: the file is torn, or does not have the tensor.
        """
        if self.adapter and name in self.adapter.brought:
            return self.adapter.brought[name]
        file = self.places[name]
        header = self._header(file)
        if name not in header:
            raise ModelError(f"{file} of {self._version.name} has no '{name}', as {INDEX} says")
        return header[name]

    def added(self, name: str) -> Product | None:
        """Return what the adapter adds to a tensor of the base; None if it adds nothing."""
        if self.adapter is None or name not in self.adapter.targets:
            return None
        return self.adapter.product(name, self.stored(name).shape)

    def whole(self, name: str) -> Tensor:
        """Return a tensor as the model computes with it."""
        added = self.added(name)
        return Sum(self.stored(name), added) if added else self.stored(name)

    @property
    def _singles(self) -> list[str]:
        return [SINGLE] if SINGLE in self.base else sorted(self.base)

    @functools.cache  # noqa: B019 (it lives as long as the comparison)
    def _header(self, file: str) -> dict[str, Stored]:
        path = self._path(self._output, file)
        return read_header(path, f"{file} of {self._version.name}")

    def _path(self, output: str, file: str) -> Path:
        alone = file == self._alone and "" in self._version.files(output)
        return self._version.path(output, "" if alone else file)


_OWN = (ADAPTER, ADAPTER_CONFIG)


@dataclasses.dataclass(frozen=True)
class Aligned:
    """The tensors of two models, matched by name.

    Attributes:
        adapters: whether the tensors are what two adapters add to one base, not whole weights.
        same: tensors that are the same, which is known without reading their numbers.
        removed: tensors that only the first model has.
        added: tensors that only the second model has.
        shapes: both shapes, by the name of each tensor in which they differ.
        unread: both types, by the name of each tensor that differs and is of an unknown type.
        pairs: the tensors whose numbers have to be read.
    """

    adapters: bool
    same: list[str]
    removed: list[str]
    added: list[str]
    shapes: dict[str, tuple[tuple[int, ...], tuple[int, ...]]]
    unread: dict[str, tuple[str, str]]
    pairs: dict[str, Pair]


def align(one: Model, other: Model) -> Aligned:
    """Match the tensors of two models by name.

    Raises:
        ModelError: a file is torn, or does not hold what an index or an adapter says.
        MissingError: a file cannot be found.
    """
    adapters = one.adapter is not None and other.adapter is not None and one.base == other.base
    names, others = (_names(model, adapters) for model in (one, other))
    found = Aligned(adapters, [], sorted(names - others), sorted(others - names), {}, {}, {})
    for name in sorted(names & others):
        if not adapters and _is_untouched(one, other, name):
            found.same.append(name)
        else:
            _place(found, name, _pair(one, other, name, adapters))
    return found


def _place(found: Aligned, name: str, pair: Pair) -> None:
    before, after = pair.before, pair.after
    if before.shape != after.shape:
        found.shapes[name] = before.shape, after.shape
    elif is_known(before) and is_known(after):
        found.pairs[name] = pair
    elif is_same(before, after):
        found.same.append(name)
    else:
        found.unread[name] = before.dtype, after.dtype


def _names(model: Model, adapters: bool) -> set[str]:
    if adapters and model.adapter:
        return {*model.adapter.targets, *model.adapter.brought}
    unknown = {*(model.adapter.targets if model.adapter else ())} - {*model.places}
    if unknown:
        raise ModelError(f"{model.name}: the adapter changes '{min(unknown)}', the base has none")
    return model.names()


def _is_untouched(one: Model, other: Model, name: str) -> bool:
    adapted = any(model.adapter and name in model.adapter.targets for model in (one, other))
    return not adapted and one.place(name) is not None and one.place(name) == other.place(name)


def _pair(one: Model, other: Model, name: str, adapters: bool) -> Pair:
    if adapters and one.adapter and other.adapter and name in one.adapter.targets:
        ours, theirs = one.adapter.product(name), other.adapter.product(name)
        return Pair(ours, theirs, theirs - ours if ours.shape == theirs.shape else None)
    before, after = one.whole(name), other.whole(name)
    if one.place(name) is None or one.place(name) != other.place(name):
        return Pair(before, after)
    # Both have the same base, so the difference is between what the adapters add.
    ours, theirs = one.added(name), other.added(name)
    if ours and theirs:
        return Pair(before, after, theirs - ours)
    return Pair(before, after, theirs if theirs else -ours if ours else None)
