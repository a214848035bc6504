"""What a version has learnt from and was measured on, so that an update brings neither again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from stemma.corpus.cleaning.normalise import normalise
from stemma.corpus.cleaning.words import Hashes, distinct, ngrams, words_of
from stemma.corpus.duplicates.minhash import SKETCH as BYTES
from stemma.corpus.duplicates.minhash import similarity
from stemma.corpus.duplicates.sorted_arrays import found
from stemma.overrides import leaves
from stemma.store.version import Version
from stemma.updating.lessons import PREFIX, answer_of
from stemma.versions.contents import manifest, texts
from stemma.versions.contents.settings import read_settings
from stemma.versions.tracing.manifests import Sketcher
from stemma.versions.tracing.matching import SIMILAR

_NGRAM = 8  # words


class Known:
    """The documents of a version.

    Attributes:
        answers: ids of the answers from which it has learnt.

    Args:
        version: that has prepared documents.

    Raises:
        DataError: its manifest is torn.
        MissingError: its bytes are nowhere.
        ProjectError: its held-out documents are torn.
    """

    def __init__(self, version: Version) -> None:
        rows = manifest.read(version, ["id", "sha256", "reason", manifest.SKETCH])
        listed = rows.to_pylist()
        # Also those that prepare has dropped: ids come once.
        ids = (str(one["id"]) for one in listed)
        self.answers = {answer_of(one) for one in ids if one.startswith(PREFIX)}
        kept = [one for one in listed if one["reason"] is None]
        self._hashes = {str(one["sha256"]) for one in kept}
        told = read_settings(version)
        self._sketcher = Sketcher.of(dict(leaves(told[0])) if told else {})
        held = [one[manifest.SKETCH] for one in kept if one[manifest.SKETCH]]
        self._sketches = np.frombuffer(b"".join(held), np.uint8).reshape(-1, BYTES)
        self._ngrams = _distinct(_grams(text) for text in texts.held_out(version))

    def has(self, text: str, sketch: NDArray[np.uint8]) -> bool:
        """Say whether it has a text, or nearly the same one by its sketch."""
        if hashlib.sha256(normalise(text).encode()).hexdigest() in self._hashes:
            return True
        return is_near(sketch, self._sketches)

    def sketch(self, text: str) -> NDArray[np.uint8]:
        """Return the sketch that its manifest would hold of a text, shape (BYTES,)."""
        return np.frombuffer(self._sketcher.sketch(text), np.uint8)

    def held_out_share(self, text: str) -> float:
        """Return the share of the n-grams of a text that stand in held-out documents, 0 to 1."""
        asked = _grams(text)
        return float(found(asked, self._ngrams).mean()) if len(asked) else 0.0


def is_near(sketch: NDArray[np.uint8], others: NDArray[np.uint8]) -> bool:
    """Say whether one of several texts is nearly the same as one, by their sketches.

    Args:
        sketch: of the one, shape (BYTES,).
        others: of the several, shape (texts, BYTES).
    """
    return bool((similarity(others, sketch) >= SIMILAR).any())


def _grams(text: str) -> Hashes:
    return ngrams(words_of(normalise(text)), _NGRAM)


def _distinct(parts: Iterable[Hashes]) -> Hashes:
    return distinct(np.concatenate([np.empty(0, np.uint64), *parts]))
