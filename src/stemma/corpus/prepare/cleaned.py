"""The cleaned shards together: what the first map of prepare has left."""

import dataclasses
from collections import Counter
from functools import partial

import numpy as np
from numpy.typing import NDArray

from stemma.corpus.cleaning.language import known_languages
from stemma.corpus.duplicates.clusters import Store
from stemma.corpus.prepare.clean import clean_shard
from stemma.corpus.prepare.report import told
from stemma.corpus.revoked import Revoked
from stemma.corpus.settings import PrepareSection
from stemma.corpus.sharding.pool import Pool
from stemma.corpus.sharding.progress import Progress
from stemma.corpus.sharding.shard import DROPPED, Placed, Shard
from stemma.errors import DataError, SettingsError


@dataclasses.dataclass(frozen=True)
class Corpus:
    """The cleaned shards.

    Attributes:
        shards: in order.
        ends: for each, the number of documents that cleaning kept up to its end.
        store: their fingerprints.
        reasons: how many documents cleaning dropped for each reason.
        personal: how often each kind of personal data was found.
    """

    shards: list[Shard]
    ends: list[int]
    store: Store
    reasons: Counter[str]
    personal: Counter[str]

    def place(self, sides: NDArray[np.int8]) -> list[Placed]:
        """Give each shard its part of ``sides``."""
        return [
            Placed(shard, some) for shard, some in zip(self.shards, self.divide(sides), strict=True)
        ]

    def only(self, chosen: NDArray[np.bool_]) -> list[Placed]:
        """Give each shard the sides of its documents that are chosen: bool [documents]."""
        return self.place(np.where(chosen, self.store.sides(), np.int8(DROPPED)))

    def divide(self, values: NDArray) -> list[NDArray]:
        """Divide an array of one row per document by shard."""
        return np.split(values, self.ends[:-1])


def clean(
    pool: Pool,
    shards: list[Shard],
    settings: PrepareSection,
    revoked: Revoked,
    progress: Progress,
) -> Corpus:
    """Clean every shard.

    Raises:
        DataError: a shard is torn, or no document is left.
        SettingsError: a language is unknown.
    """
    _check_languages(settings)
    store = Store(shards[0].work)
    kept, reasons, personal = [], Counter[str](), Counter[str]()
    tallies = pool.map(partial(clean_shard, settings=settings, revoked=revoked), shards)
    for tally in progress(tallies, "clean"):
        store.append(tally.kept)
        kept.append(len(tally.kept.sides))
        reasons += tally.reasons
        personal += tally.personal
    if not sum(kept):
        raise DataError(
            f"no document of {shards[0].raw.parent} is left; {told(reasons)}",
            "change these settings of prepare; null switches a limit off",
        )
    return Corpus(shards, np.cumsum(kept).tolist(), store, reasons, personal)


def _check_languages(settings: PrepareSection) -> None:
    allowed = settings.language.allowed
    if allowed is not None and (unknown := set(allowed) - known_languages()):
        raise SettingsError(
            f"prepare.language.allowed names '{min(unknown)}', which is no known language",
            "use ISO 639-1 codes, such as en",
        )
