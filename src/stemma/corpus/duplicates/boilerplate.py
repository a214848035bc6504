"""Text that many documents share: found once, and left out when documents are compared.

A system prompt, an instruction, a licence or worked examples are no sign that one document copies
another (GPT-3 leaves out n-grams of more than ten documents for the same reason: Brown et al. 2020,
appendix C). So what is compared, as a duplicate and as contamination, is a document without

- the system messages of a conversation, recognised by their role;
- the words in shingles that more than half of the documents hold;
- the words in shingles that more than the fraction ``prepare.boilerplate`` of them hold, where a
  passage as long as a shingle remains that is the document's own. Where none does, the document is
  a common text itself, or one with words changed here and there, which is what copies look like.

What is shared is counted on the distinct texts with the smallest SHA-256: a uniform sample that
depends neither on the order of the documents nor on the shards. Fewer than ten texts that share a
shingle are never enough.
"""

import dataclasses
import functools
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stemma.corpus.cleaning.words import Hashes, Words, covered, distinct, ngrams, words_of
from stemma.corpus.duplicates.sorted_arrays import found, merge
from stemma.corpus.sharding.pool import Pool
from stemma.corpus.sharding.progress import ProgressBars
from stemma.corpus.sharding.shard import DROPPED, Placed
from stemma.corpus.task import Example

SAMPLE = 1024  # in how many texts shared text is counted
_MOST = 0.5
_FEW = 10


@dataclasses.dataclass(frozen=True)
class Boilerplate:
    """The shingles that many documents share, in two sorted arrays on disk.

    Attributes:
        folder: of the arrays.
        n: words per shingle.
    """

    folder: Path
    n: int

    def own(self, example: Example) -> Words:
        """Return the words by which a document is compared with others; all if none is its own."""
        words = words_of(_said(example))
        if not len(self.many):
            return words
        hashes = ngrams(words, self.n)
        left = ~covered(words, self.n, found(hashes, self.most))
        passages = _as_long(~covered(words, self.n, found(hashes, self.many)), self.n)
        chosen = passages if passages.any() else left
        return words.take(chosen) if chosen.any() else words

    @functools.cached_property
    def most(self) -> Hashes:
        """The shingles that more than half of the documents hold."""
        return np.load(self.folder / "shared-by-most.npy")

    @functools.cached_property
    def many(self) -> Hashes:
        """The shingles that more than ``prepare.boilerplate`` of the documents hold."""
        return np.load(self.folder / "shared-by-many.npy")


def find_boilerplate(
    pool: Pool,
    sample: list[Placed],
    n: int,
    share: float | None,
    work: Path,
    progress: ProgressBars,
) -> Boilerplate:
    """Find the shingles that many documents share.

    Args:
        pool: runs the map.
        sample: the shards; texts on the side DROPPED are not counted.
        n: words per shingle.
        share: fraction of the texts above which a shingle counts as shared; None finds nothing.
        work: a folder for the result.
        progress: shows how far it is.
    """
    many, most = [np.empty(0, np.uint64)], [np.empty(0, np.uint64)]
    if share is not None:
        texts = sum(int((one.sides != DROPPED).sum()) for one in sample)
        for _ in progress(pool.map(functools.partial(_gather, n=n), sample), "shared text"):
            pass
        for values in merge([one.shard.shingles for one in sample]):
            shingles = distinct(values)
            counts = np.diff(np.searchsorted(values, shingles), append=len(values))
            shared = counts >= _FEW
            many.append(shingles[shared & (counts > share * texts)])
            most.append(shingles[shared & (counts > _MOST * texts)])
    np.save(work / "shared-by-many.npy", np.concatenate(many))
    np.save(work / "shared-by-most.npy", np.concatenate(most))
    return Boilerplate(work, n)


def _gather(placed: Placed, n: int) -> None:
    """Write the shingles of the shard's part of the sample, sorted, each once per text."""
    sets = [
        distinct(ngrams(words_of(_said(example)), n))
        for examples, sides in placed.examples()
        for example, side in zip(examples, sides, strict=True)
        if side != DROPPED
    ]
    np.save(placed.shard.shingles, np.sort(np.concatenate([np.empty(0, np.uint64), *sets])))


def _said(example: Example) -> str:
    """Return a conversation's text without its system messages."""
    roles = {part.role for part in example.parts}
    if not {"system", "assistant"} <= roles:
        return example.text
    return "\n\n".join(part.text for part in example.parts if part.role != "system")


def _as_long(chosen: NDArray[np.bool_], n: int) -> NDArray[np.bool_]:
    """Keep those of the chosen words that are in an unbroken row of at least ``n``."""
    edges = np.diff(chosen.astype(np.int8), prepend=0, append=0)
    starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    long = ends - starts >= n
    edges = np.zeros(len(chosen) + 1, np.int64)
    edges[starts[long]], edges[ends[long]] = 1, -1
    return np.cumsum(edges[:-1]) > 0
