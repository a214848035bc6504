"""Documents that give a model the same input and ask for different answers.

A class or a tag has one right value. Which of two is right cannot be known, and whichever a rule
picked would be learnt, or tested, as the truth: so with ``exact: drop`` none of the documents is
kept. In pairs of texts the second may well have several wordings, as translations do: they stay. Of
similar texts with different labels one is kept, as of all similar texts. All are counted.
"""

import dataclasses
import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from stemma.corpus.documents import Part
from stemma.corpus.duplicates.clusters import NEAR, Clusters
from stemma.corpus.sharding.pool import Pool
from stemma.corpus.sharding.shard import DROPPED, Placed
from stemma.corpus.task import Encoding, Example


def given(sha256: bytes, parts: Sequence[Part]) -> bytes:
    """Return eight bytes that stand for a document's input to a model: its text, or a source."""
    if not parts or parts[-1].role != "target":
        return sha256[:8]
    return _hash(*(part.text for part in parts[:-1]))


def contradicting(
    pool: Pool, repeated: Sequence[Placed], inputs: NDArray[np.uint64], encoding: Encoding
) -> NDArray[np.bool_]:
    """Return which documents have the same input as others, but another answer.

    Args:
        pool: runs the map.
        repeated: the shards; documents with an input of their own are on the side DROPPED.
        inputs: uint64 [documents], see `given`.
        encoding: of the task, which knows what an answer is.

    Returns:
        bool [documents].

    Raises:
        DataError: a document lacks what the task learns from.
    """
    if not encoding.labelled:
        return np.zeros(len(inputs), np.bool_)
    answers = np.concatenate(list(pool.map(_Answers(encoding, True), repeated)))
    _, group = np.unique(inputs, return_inverse=True)
    low, high = np.full(len(inputs), 2**64 - 1, np.uint64), np.zeros(len(inputs), np.uint64)
    np.minimum.at(low, group, answers)
    np.maximum.at(high, group, answers)
    return (low != high)[group]


def contradicted(
    pool: Pool, near: Sequence[Placed], clusters: Clusters, encoding: Encoding
) -> NDArray[np.bool_]:
    """Return which near-duplicates are dropped for one with another label: bool [documents].

    Args:
        pool: runs the map.
        near: the shards; documents without near-duplicates are on the side DROPPED.
        clusters: of all documents.
        encoding: of the task.

    Raises:
        DataError: a document lacks what the task learns from.
    """
    if not encoding.labelled:
        return np.zeros(len(clusters.verdict), np.bool_)
    answers = np.concatenate(list(pool.map(_Answers(encoding, False), near)))
    return (clusters.verdict == NEAR) & (answers != answers[clusters.representative])


@dataclasses.dataclass(frozen=True)
class _Answers:
    """Hashes the answers in a shard's documents: what is to be learnt from their inputs.

    Attributes:
        encoding: of the task.
        parts: whether answers may be in parts; if texts differ, so do the tags of their words.
    """

    encoding: Encoding
    parts: bool

    def __call__(self, placed: Placed) -> NDArray[np.uint64]:
        """Return uint64 [documents], 0 for those that are DROPPED."""
        made = b"".join(
            bytes(8) if side == DROPPED else self._answer(example)
            for examples, sides in placed.examples()
            for example, side in zip(examples, sides.tolist(), strict=True)
        )
        return np.frombuffer(made, np.uint64)

    def _answer(self, example: Example) -> bytes:
        if example.parts and not self.parts:
            return bytes(8)
        told = [part.text for part in example.parts if part.role == "target"]
        roles = [part.role for part in example.parts]
        return _hash(*sorted(self.encoding.names(example)), "", *roles, "", *told)


def _hash(*texts: str) -> bytes:
    return hashlib.blake2b("\0".join(texts).encode(), digest_size=8).digest()
