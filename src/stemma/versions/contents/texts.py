"""The texts of a version's held-out documents, decoded from their tokens."""

import itertools
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from stemma import extras
from stemma.store.errors import ProjectError
from stemma.store.version import Version

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_TOKENIZER = "tokenizer/tokenizer.json"


def beginnings(version: Version, documents: int, rows: Iterable[int], tokens: int) -> list[str]:
    """Return how documents of the test split begin; "" where the version has no such split.

    Where tokens cannot be decoded, that is said in place of each.

    Args:
        version: whose prepared data are read; not more of it than three files.
        documents: that the split must have, to be the one that is meant.
        rows: which documents, by place in it.
        tokens: most tokens of each.

    Raises:
        MissingError: its bytes are nowhere.
        ProjectError: a file is torn.
    """
    wanted = list(rows)
    if extras.absent("make"):
        return [f"(shown by `{extras.install('make')}`)"] * len(wanted)
    opened = _open(version, "test")
    if opened is None or len(opened[1]) != documents + 1:
        return [""] * len(wanted)
    ids, offsets, decoder = opened
    starts, ends = offsets[wanted], offsets[[row + 1 for row in wanted]]
    return [
        decoder.decode(ids[start : min(end, start + tokens)].tolist())
        for start, end in zip(starts, ends, strict=True)
    ]


def held_out(version: Version) -> Iterator[str]:
    """Yield the documents of the validation and the test split, whole.

    Raises:
        MissingError: its bytes are nowhere.
        ProjectError: a file is torn.
    """
    for split in ("validation", "test"):
        opened = _open(version, split)
        if opened is not None:
            ids, offsets, decoder = opened
            for start, end in itertools.pairwise(offsets):
                yield decoder.decode(ids[start:end].tolist())


def _open(version: Version, split: str) -> "tuple[Any, Any, Tokenizer] | None":
    """Return the tokens of a split, where its documents start, and what makes texts of them."""
    from tokenizers import Tokenizer

    output = version.declared.prepared
    wanted = (_TOKENIZER, f"{split}.tokens.npy", f"{split}.offsets.npy")
    if not {*wanted} <= version.files(output).keys():
        return None
    paths = [version.path(output, file) for file in wanted]
    try:
        ids, offsets = (np.load(path, mmap_mode="r") for path in paths[1:])
        return ids, offsets, Tokenizer.from_file(str(paths[0]))
    except Exception as error:  # tokenizers raises nothing more special
        raise ProjectError(
            f"the {split} split in {output} of {version.name} is torn: {error}",
            "`stemma fsck` shows all that is lost",
        ) from error
