"""Prepare from end to end: a map over shards, one global join, maps again.

Every map is a pure function of a shard, so the pool and its number of workers change no byte.
"""

import dataclasses
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stemma.corpus.boilerplate import SAMPLE, Boilerplate, find_boilerplate
from stemma.corpus.clean import clean_shard
from stemma.corpus.contamination import measure_overlap
from stemma.corpus.duplicates import (
    CONTAMINATED,
    CONTAMINATION,
    KEPT,
    Clusters,
    Signatures,
    Store,
    find_clusters,
)
from stemma.corpus.encoding import Encoder
from stemma.corpus.labelled import Encoding
from stemma.corpus.language import known_languages
from stemma.corpus.manifest import Fate, Tally, write_manifest
from stemma.corpus.pool import Pool
from stemma.corpus.progress import Progress
from stemma.corpus.recipe import DuplicateSettings, PrepareSection
from stemma.corpus.report import cluster_figures, contamination_figures, data_report
from stemma.corpus.revoked import NOTHING, Revoked
from stemma.corpus.shard import DROPPED, Placed, Shard
from stemma.corpus.signing import Sign
from stemma.corpus.split import SPLITS, TRAIN
from stemma.corpus.tokenise import Tokenised, tokenise, train_texts
from stemma.corpus.tokenizer import make_tokenizer
from stemma.corpus.vocabulary import TokenizerSettings
from stemma.errors import DataError, SettingsError
from stemma.files import write_json


def prepare(
    raw: list[Path],
    folder: Path,
    work: Path,
    settings: PrepareSection,
    tokenizer: TokenizerSettings,
    encoding: Encoding,
    pool: Pool,
    revoked: Revoked = NOTHING,
) -> None:
    """Make data/prepared.

    Args:
        raw: the shards of data/raw, in order.
        folder: an empty folder for the result.
        work: an empty folder for what the steps leave for one another.
        settings: the section ``prepare``.
        tokenizer: the section ``tokenizer``.
        encoding: the task's, of documents to tokens.
        pool: runs the maps.
        revoked: what is dropped, whatever it is.

    Raises:
        DataError: a shard is torn, a split is empty, or the texts lack what is learnt from them.
        SettingsError: a language is unknown.
    """
    progress = Progress(len(raw))
    corpus = _clean(pool, [Shard(path, work) for path in raw], settings, revoked, progress)
    sides = corpus.store.sides()
    sample = corpus.place(np.where(corpus.store.sample(SAMPLE), sides, np.int8(DROPPED)))
    shingle, shared = settings.duplicates.shingle, settings.boilerplate
    boilerplate = find_boilerplate(pool, sample, shingle, shared, work, progress)
    clusters = _cluster(pool, corpus, boilerplate, settings.duplicates, progress)
    sides = np.where(clusters.verdict == KEPT, sides, np.int8(DROPPED))
    limits = settings.contamination
    placed = corpus.place(sides)
    overlaps = measure_overlap(pool, placed, limits.ngram, boilerplate, work, progress)
    seen = overlaps.share > limits.max_overlap
    contamination = contamination_figures(sides, overlaps, seen)
    clusters.verdict[seen], sides[seen] = CONTAMINATED, DROPPED
    _check_splits(sides, corpus.reasons + clusters.reasons(), settings)
    placed = corpus.place(sides)
    make_tokenizer(tokenizer, train_texts(placed), folder / "tokenizer", encoding.labelled)
    encoder = Encoder(folder / "tokenizer")
    tokens = tokenise(pool, placed, encoder, encoding, folder, progress)
    tally = write_manifest(folder / "manifest.parquet", corpus.fates(placed, clusters, tokens))
    _check_encoded(tally)
    report = data_report(
        tally,
        personal=corpus.personal,
        duplicates=cluster_figures(clusters),
        contamination={"ngram": limits.ngram, **contamination},
        vocabulary=encoder.size,
    )
    write_json(folder / "data_report.json", report)


@dataclasses.dataclass(frozen=True)
class _Corpus:
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
            Placed(shard, some)
            for shard, some in zip(self.shards, self._divide(sides), strict=True)
        ]

    def fates(
        self, placed: list[Placed], clusters: Clusters, tokens: list[Tokenised]
    ) -> Iterator[Fate]:
        """Yield what became of the documents, shard by shard."""
        texts = self.store.keys()[:, :-1]
        verdicts = self._divide(clusters.verdict)
        representatives = self._divide(clusters.representative)
        for parts in zip(placed, verdicts, representatives, tokens, strict=True):
            one, verdict, representative, count = parts
            yield Fate(one, verdict, texts[representative], count)

    def _divide(self, values: NDArray) -> list[NDArray]:
        return np.split(values, self.ends[:-1])


def _clean(
    pool: Pool,
    shards: list[Shard],
    settings: PrepareSection,
    revoked: Revoked,
    progress: Progress,
) -> _Corpus:
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
            f"no document of {shards[0].raw.parent} is left; {_told(reasons)}",
            "change these settings of prepare; null switches a limit off",
        )
    return _Corpus(shards, np.cumsum(kept).tolist(), store, reasons, personal)


def _cluster(
    pool: Pool,
    corpus: _Corpus,
    boilerplate: Boilerplate,
    settings: DuplicateSettings,
    progress: Progress,
) -> Clusters:
    if settings.near is not None:
        placed = corpus.place(corpus.store.sides())
        signed = pool.map(Sign(boilerplate, settings), placed)
        for one, _ in zip(placed, progress(signed, "sign"), strict=True):
            corpus.store.sign(Signatures.load(one.shard.signatures))
            one.shard.signatures.unlink()
    return find_clusters(corpus.store, settings)


def _check_languages(settings: PrepareSection) -> None:
    allowed = settings.language.allowed
    if allowed is not None and (unknown := set(allowed) - known_languages()):
        raise SettingsError(
            f"prepare.language.allowed names '{min(unknown)}', which is no known language",
            "use ISO 639-1 codes, such as en",
        )


def _check_splits(sides: NDArray[np.int8], dropped: Counter[str], settings: PrepareSection) -> None:
    for number, split in enumerate(SPLITS):
        if not (sides == number).any():
            left = int((sides != DROPPED).sum())
            lost = f"; {_told(dropped)}" if dropped else ""
            raise DataError(
                f"no document of the {left} left is in {split}{lost}",
                _advice(split, settings, CONTAMINATION in dropped),
            )


def _check_encoded(tally: Tally) -> None:
    dropped = Counter({name: counts.total() for name, counts in tally.dropped.items()})
    for split in SPLITS:
        if not tally.splits[split]:
            raise DataError(
                f"no document of {split} is left; {_told(dropped)}",
                "change these settings of task",
            )


def _told(dropped: Counter[str]) -> str:
    took = ", ".join(f"{reason} {count:,}" for reason, count in dropped.most_common())
    return f"dropped: {took}"


def _advice(split: str, settings: PrepareSection, contaminated: bool) -> str:
    if split == TRAIN:
        return "lower prepare.split.validation and prepare.split.test"
    fraction = getattr(settings.split, split)
    advice = f"raise prepare.split.{split} from {fraction}, or try another prepare.split.salt"
    if settings.split.unit == "group":
        advice += ", or use prepare.split.unit=document"
    if contaminated:
        advice += ", or raise prepare.contamination.max_overlap"
    return advice
