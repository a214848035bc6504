"""Sorted arrays on disk, merged within bounded memory."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from stemma.corpus.cleaning.words import Hashes

_RANGE = 2**22  # values held at once


def merge(parts: list[Path]) -> Iterator[Hashes]:
    """Yield the values of sorted arrays in order, with repetitions, a range at a time."""
    arrays = [np.load(part, mmap_mode="r") for part in parts]
    ranges = 1 + sum(map(len, arrays)) // _RANGE
    bounds = np.array([number * (2**64 // ranges) for number in range(1, ranges)], np.uint64)
    cuts = [[0, *np.searchsorted(array, bounds).tolist(), len(array)] for array in arrays]
    for number in range(ranges):
        slices = [
            array[cut[number] : cut[number + 1]] for array, cut in zip(arrays, cuts, strict=True)
        ]
        yield np.sort(np.concatenate(slices)) if slices else np.empty(0, np.uint64)


def found(values: Hashes, among: Hashes) -> np.ndarray:
    """Return which values are in a sorted array: bool [values]."""
    if not len(among):
        return np.zeros(len(values), np.bool_)
    place = np.minimum(np.searchsorted(among, values), len(among) - 1)
    return among[place] == values
