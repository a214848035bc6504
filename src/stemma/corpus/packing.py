"""Token ids on disk: a flat array per split, to be memory-mapped, and where its documents end.

``{split}.tokens.npy`` holds every document's ids, each followed by one end-of-text id, in the
smallest unsigned type that holds the vocabulary. ``{split}.offsets.npy`` (int64, documents + 1)
says where each document starts: document i is ``tokens[offsets[i]:offsets[i + 1]]``.

If a task has labels, the ids are stored as the task gives them, with no end-of-text id added, and
``{split}.labels.npy`` (int32) holds a label for each.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.lib import format as npy
from numpy.typing import DTypeLike, NDArray

from stemma.errors import DataError

_COPY_ITEMS = 2**22


@dataclasses.dataclass(frozen=True, slots=True)
class PackedSplit:
    """The memory-mapped arrays of one split.

    Attributes:
        tokens: ids, shape (tokens,), uint8, uint16 or uint32.
        offsets: starts of the documents and the end of the last, shape (documents + 1,), int64.
    """

    tokens: NDArray[np.unsignedinteger]
    offsets: NDArray[np.int64]


class TokenWriter:
    """Appends documents to the arrays of a split; holds no more than one batch in memory.

    The files say that they are empty until the block ends well, so a torn write is never read.

    Args:
        folder: an existing folder.
        split: ``train``, ``validation`` or ``test``.
        vocabulary: number of ids, which decides the type of the array.
        end_of_text: the id to put after each document; None adds none.
    """

    def __init__(self, folder: Path, split: str, vocabulary: int, end_of_text: int | None) -> None:
        self._vocabulary = vocabulary
        dtype = np.min_scalar_type(vocabulary - 1)
        self._end = np.array([] if end_of_text is None else [end_of_text], dtype)
        tokens, offsets = _paths(folder, split)
        self._tokens = _ArrayFile(tokens, dtype)
        self._offsets = _ArrayFile(offsets, np.int64)
        self._offsets.write(np.zeros(1, np.int64))

    def append(self, ids: Sequence[NDArray[np.integer]]) -> None:
        """Append documents, each a 1-D array of ids below ``vocabulary``."""
        if not ids:
            return
        batch = np.concatenate([part for document in ids for part in (document, self._end)])
        assert batch.max() < self._vocabulary, "an id beyond the vocabulary"
        end = len(self._end)
        lengths = np.fromiter((len(document) + end for document in ids), np.int64, len(ids))
        self._offsets.write(self._tokens.length + np.cumsum(lengths))
        self._tokens.write(batch)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._tokens.__exit__(kind, error, traceback)
        self._offsets.__exit__(kind, error, traceback)


class LabelWriter:
    """Appends the labels of documents, as `TokenWriter` does their ids."""

    def __init__(self, folder: Path, split: str) -> None:
        self._labels = _ArrayFile(_label_path(folder, split), np.int32)

    def append(self, labels: Sequence[NDArray[np.int32]]) -> None:
        """Append the labels of documents, one per id."""
        if labels:
            self._labels.write(np.concatenate(labels))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: Any) -> None:
        self._labels.__exit__(*raised)


def merge_parts(parts: Sequence[Path], folder: Path, split: str) -> None:
    """Join what several writers of one vocabulary wrote, in the order of ``parts``.

    Args:
        parts: folders, at least one, each holding the split's two files.
        folder: an existing folder for the joined files.
        split: the name of the split in all of them.

    Raises:
        DataError: a part is missing or torn.
    """
    token_path, offset_path = _paths(folder, split)
    dtype = read_split(parts[0], split).tokens.dtype
    with _ArrayFile(token_path, dtype) as tokens, _ArrayFile(offset_path, np.int64) as offsets:
        offsets.write(np.zeros(1, np.int64))
        for part in parts:
            packed = read_split(part, split)
            for index in range(1, len(packed.offsets), _COPY_ITEMS):
                offsets.write(packed.offsets[index : index + _COPY_ITEMS] + tokens.length)
            _copy(packed.tokens, tokens)


def merge_labels(parts: Sequence[Path], folder: Path, split: str) -> None:
    """Join the labels as `merge_parts` joins the tokens.

    Raises:
        DataError: a part is missing or torn.
    """
    with _ArrayFile(_label_path(folder, split), np.int32) as labels:
        for part in parts:
            _copy(_open(_label_path(part, split)), labels)


def read_split(folder: Path, split: str) -> PackedSplit:
    """Memory-map the arrays of one split.

    Raises:
        DataError: a file is missing or torn, or the two do not belong together.
    """
    token_path, offset_path = _paths(folder, split)
    tokens, offsets = _open(token_path), _open(offset_path)
    if tokens.dtype.kind != "u" or offsets.dtype != np.int64:
        raise DataError(f"{token_path} and {offset_path.name} hold no token ids", _REMEDY)
    if (
        len(offsets) == 0
        or offsets[0] != 0
        or offsets[-1] != len(tokens)
        or not np.all(offsets[1:] > offsets[:-1])
    ):
        raise DataError(f"{offset_path} does not fit {token_path.name}", _REMEDY)
    return PackedSplit(tokens, offsets)


def read_labels(folder: Path, split: str) -> NDArray[np.int32]:
    """Memory-map the labels of one split, shape (tokens,).

    Raises:
        DataError: the file is missing or torn, or does not fit the tokens.
    """
    path = _label_path(folder, split)
    labels, tokens = _open(path), read_split(folder, split).tokens
    if labels.dtype != np.int32 or len(labels) != len(tokens):
        raise DataError(f"{path} does not fit {split}.tokens.npy", _REMEDY)
    return labels


_REMEDY = "type `dvc repro prepare`, or `dvc checkout` to restore the files"


def _paths(folder: Path, split: str) -> tuple[Path, Path]:
    return folder / f"{split}.tokens.npy", folder / f"{split}.offsets.npy"


def _label_path(folder: Path, split: str) -> Path:
    return folder / f"{split}.labels.npy"


def _copy(array: NDArray, file: "_ArrayFile") -> None:
    for index in range(0, len(array), _COPY_ITEMS):
        file.write(array[index : index + _COPY_ITEMS])


def _open(path: Path) -> NDArray:
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError as error:
        raise DataError(f"{path} does not exist", _REMEDY) from error
    except (ValueError, EOFError) as error:
        raise DataError(f"{path} is torn or no array: {error}", _REMEDY) from error
    if array.ndim != 1 or path.stat().st_size != array.offset + array.nbytes:
        raise DataError(f"{path} is torn: its size is not what its header says", _REMEDY)
    return array


class _ArrayFile:
    """A 1-D .npy file whose length is known only at the end."""

    def __init__(self, path: Path, dtype: DTypeLike) -> None:
        self.length = 0
        self._dtype = np.dtype(dtype)
        self._file = path.open("wb")
        self._write_header()

    def write(self, items: NDArray) -> None:
        """Append items, converted to the file's type."""
        self._file.write(items.astype(self._dtype, copy=False).data)
        self.length += len(items)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        with self._file:
            if kind is None:
                self._file.seek(0)
                self._write_header()

    def _write_header(self) -> None:
        # numpy pads the header so that the length can grow in place.
        header = {"descr": self._dtype.str, "fortran_order": False, "shape": (self.length,)}
        npy.write_array_header_1_0(self._file, header)
