"""ProgressBars bars on a terminal; nothing where there is none."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")


class ProgressBars:
    """Shows how many of the shards a step has done."""

    def __init__(self, shards: int) -> None:
        self._shards = shards

    def __call__(self, results: Iterable[T], step: str) -> Iterator[T]:
        """Pass the results on, one per shard."""
        yield from tqdm(results, desc=step, total=self._shards, unit="shard", disable=None)
