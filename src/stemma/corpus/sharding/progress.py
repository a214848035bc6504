"""Progress bars, if there is a terminal."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")


class ProgressBars:
    """Shows how many shards a step has done."""

    def __init__(self, shards: int) -> None:
        self._shards = shards

    def __call__(self, results: Iterable[T], step: str) -> Iterator[T]:
        """Yield the results, one per shard, and move the bar."""
        yield from tqdm(results, desc=step, total=self._shards, unit="shard", disable=None)
