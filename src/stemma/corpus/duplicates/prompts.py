"""Preferences that ask what the held-out documents ask, or hold a passage of them.

The held-out documents stay, whatever the preferences are, so that versions are measured on the same
ones; it is the preference that goes. Long texts are compared by word n-grams, as elsewhere; a short
prompt has none, so whole prompts are compared too.
"""

import dataclasses
import hashlib
import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stemma.corpus.cleaning.words import ngrams
from stemma.corpus.documents import Part
from stemma.corpus.duplicates.boilerplate import Boilerplate
from stemma.corpus.duplicates.sorted_arrays import found
from stemma.corpus.preferences import PREFIX, taken_apart
from stemma.corpus.sharding.pool import Pool
from stemma.corpus.sharding.shard import Placed
from stemma.corpus.split import PREFERENCE, SPLITS, TRAIN
from stemma.corpus.task import Example

_TRAIN = SPLITS.index(TRAIN)


def asked_elsewhere(
    pool: Pool,
    placed: Sequence[Placed],
    held_out: Path,
    boilerplate: Boilerplate,
    n: int,
    most: float,
) -> NDArray[np.bool_]:
    """Return which documents are preferences whose prompt or completions are held out.

    Args:
        pool: runs the maps.
        placed: the shards with the sides of their documents.
        held_out: the distinct n-grams of the held-out documents, raw and sorted.
        boilerplate: what many documents share, which does not count.
        n: words per n-gram.
        most: the largest share of a piece's n-grams that may be held out.

    Returns:
        bool [documents].
    """
    asked = frozenset[bytes]().union(*pool.map(_asked, placed))
    work = _Look(held_out, boilerplate, n, most, asked)
    return np.concatenate(list(pool.map(work, placed)))


def _asked(placed: Placed) -> frozenset[bytes]:
    """Return the hashes of what the held-out documents of a shard ask."""
    return frozenset(
        prompt
        for examples, sides in placed.examples()
        for example, side in zip(examples, sides.tolist(), strict=True)
        if _TRAIN < side < PREFERENCE
        for prompt in _prompts(example)
    )


def _prompts(example: Example) -> list[bytes]:
    # Whatever stands before an answer; of a text, the text.
    if not example.parts:
        return [_hash([example.text])]
    answers = [index for index, part in enumerate(example.parts) if part.role == "assistant"]
    return [_hash(_said(example.parts[:index])) for index in answers]


def _said(parts: Sequence[Part]) -> list[str]:
    return [part.text for part in parts if part.role.removeprefix(PREFIX) != "system"]


def _hash(texts: Sequence[str]) -> bytes:
    words = (" ".join(text.casefold().split()) for text in texts)
    return hashlib.blake2b("\0".join(words).encode(), digest_size=16).digest()


@dataclasses.dataclass(frozen=True)
class _Look:
    """Finds the preferences of a shard that are held out elsewhere."""

    held_out: Path
    boilerplate: Boilerplate
    n: int
    most: float
    asked: frozenset[bytes]

    def __call__(self, placed: Placed) -> NDArray[np.bool_]:
        index = np.fromfile(self.held_out, np.uint64)
        rows = itertools.chain.from_iterable(
            zip(examples, sides.tolist(), strict=True) for examples, sides in placed.examples()
        )
        known = [side == PREFERENCE and self._is_known(one, index) for one, side in rows]
        return np.array(known, np.bool_)

    def _is_known(self, example: Example, index: NDArray[np.uint64]) -> bool:
        prompt, completions = taken_apart(example.parts)
        said = _said(prompt)
        if _hash(said) in self.asked:
            return True
        pieces = ["\n\n".join(said), *(text for _, text in completions)]
        return any(self._share(Example(example.id, piece), index) > self.most for piece in pieces)

    def _share(self, piece: Example, index: NDArray[np.uint64]) -> float:
        hashes = ngrams(self.boilerplate.own(piece), self.n)
        return float(found(hashes, index).mean()) if len(hashes) else 0.0
