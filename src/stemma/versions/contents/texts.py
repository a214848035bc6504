"""The texts of a version's test split, decoded from its tokens."""

from collections.abc import Iterable

import numpy as np
from tokenizers import Tokenizer

from stemma.store.errors import ProjectError
from stemma.store.version import Version

_TOKENIZER = "tokenizer/tokenizer.json"
_TOKENS = "test.tokens.npy"
_OFFSETS = "test.offsets.npy"


def beginnings(version: Version, documents: int, rows: Iterable[int], tokens: int) -> list[str]:
    """Return how documents of the test split begin; "" where the version has no such split.

    Args:
        version: whose prepared data are read; not more of it than these three files.
        documents: that the split must have, to be the one that is meant.
        rows: which documents, by place in it.
        tokens: most tokens of each.

    Raises:
        MissingError: its bytes are nowhere.
        ProjectError: a file is torn.
    """
    output = version.declared.prepared
    wanted, files = list(rows), version.files(output)
    if not {_TOKENIZER, _TOKENS, _OFFSETS} <= files.keys():
        return [""] * len(wanted)
    paths = [version.path(output, file) for file in (_TOKENIZER, _TOKENS, _OFFSETS)]
    try:
        ids, offsets = (np.load(path, mmap_mode="r") for path in paths[1:])
        decoder = Tokenizer.from_file(str(paths[0]))
    except Exception as error:  # tokenizers raises nothing more special
        raise ProjectError(
            f"the test split in {output} of {version.name} is torn: {error}",
            "`stemma fsck` shows all that is lost",
        ) from error
    if len(offsets) != documents + 1:
        return [""] * len(wanted)
    starts, ends = offsets[wanted], offsets[[row + 1 for row in wanted]]
    return [
        decoder.decode(ids[start : min(end, start + tokens)].tolist())
        for start, end in zip(starts, ends, strict=True)
    ]
