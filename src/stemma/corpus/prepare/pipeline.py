"""Prepare from end to end: maps over shards, with one global join between them.

Every map is a pure function of a shard, so neither the pool nor its size changes a byte.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stemma.corpus.duplicates.clusters import CONTAMINATION, Clusters
from stemma.corpus.prepare.clean import Corpus, clean_shards
from stemma.corpus.prepare.encode import Tokenised, tokenise, train_texts
from stemma.corpus.prepare.manifest import Fate, Tally, write_manifest
from stemma.corpus.prepare.preferences import tokenise_preferences
from stemma.corpus.prepare.report import data_report, told
from stemma.corpus.prepare.selection import select
from stemma.corpus.prepare.upsample import upsample
from stemma.corpus.revoked import NOTHING, Revoked
from stemma.corpus.settings import PrepareSection
from stemma.corpus.sharding.pool import Pool
from stemma.corpus.sharding.progress import ProgressBars
from stemma.corpus.sharding.shard import DROPPED, Placed, Shard
from stemma.corpus.split import PREFERENCE, SPLITS, TRAIN
from stemma.corpus.task import Encoding
from stemma.corpus.tokenizer.encoder import Encoder
from stemma.corpus.tokenizer.make import make_tokenizer
from stemma.corpus.tokenizer.settings import TokenizerSettings
from stemma.errors import DataError
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
) -> dict[str, Any]:
    """Make data/prepared, and return the contents of its data_report.json.

    Args:
        raw: the shards of data/raw, in order.
        folder: an empty folder for the result.
        work: an empty folder for intermediate files.
        settings: the section ``prepare``.
        tokenizer: the section ``tokenizer``.
        encoding: of the task.
        pool: runs the maps.
        revoked: documents to drop in any case.

    Raises:
        DataError: a shard is torn, a split is empty, or a text lacks what the task learns from.
        SettingsError: a language is unknown.
    """
    progress = ProgressBars(len(raw))
    corpus = clean_shards(pool, [Shard(path, work) for path in raw], settings, revoked, progress)
    chosen = select(pool, corpus, settings, encoding, work, progress)
    _check_splits(chosen.sides, corpus.reasons + chosen.clusters.reasons(), settings)
    placed = corpus.place(chosen.sides)
    make_tokenizer(tokenizer, train_texts(placed), folder / "tokenizer", encoding.labelled)
    encoder = Encoder(folder / "tokenizer", tokenizer.origin)
    tokens = tokenise(pool, placed, encoder, encoding, folder, progress)
    if (chosen.sides == PREFERENCE).any():
        tokenise_preferences(pool, placed, encoder, encoding, folder, tokens)
    fates = _fates(corpus, placed, chosen.clusters, tokens)
    tally = write_manifest(folder / "manifest.parquet", fates)
    _check_encoded(tally)
    upsample(folder, work / "upsample", settings.upsample, encoder.size, encoding.labelled)
    report = data_report(tally, corpus.personal, chosen.counts, encoder.size)
    write_json(folder / "data_report.json", report)
    return report


def _fates(
    corpus: Corpus, placed: list[Placed], clusters: Clusters, tokens: list[Tokenised]
) -> Iterator[Fate]:
    """Yield the fates of the documents, shard by shard."""
    texts = corpus.store.keys()[:, :-1]
    verdicts = corpus.divide(clusters.verdict)
    representatives = corpus.divide(clusters.representative)
    for parts in zip(placed, verdicts, representatives, tokens, strict=True):
        one, verdict, representative, count = parts
        yield Fate(one, verdict, texts[representative], count)


def _check_splits(sides: NDArray[np.int8], dropped: Counter[str], settings: PrepareSection) -> None:
    for number, split in enumerate(SPLITS):
        if not (sides == number).any():
            left = int((sides != DROPPED).sum())
            lost = f"; {told(dropped)}" if dropped else ""
            raise DataError(
                f"no document of the {left} left is in {split}{lost}",
                _advice(split, settings, CONTAMINATION in dropped),
            )


def _check_encoded(tally: Tally) -> None:
    dropped = Counter({name: counts.total() for name, counts in tally.dropped.items()})
    for split in SPLITS:
        if not tally.splits[split]:
            raise DataError(
                f"no document of {split} is left; {told(dropped)}",
                "change these settings of task",
            )


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
