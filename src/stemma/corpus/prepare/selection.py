"""Select the documents that stay: no duplicates, no contradictions, no test text seen in train."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stemma.corpus.duplicates.boilerplate import SAMPLE, Boilerplate, find_boilerplate
from stemma.corpus.duplicates.clusters import (
    CONTAMINATED,
    CONTRADICTING,
    KEPT,
    NEAR,
    Clusters,
    Signatures,
    find_clusters,
)
from stemma.corpus.duplicates.contamination import HELD_OUT, measure_overlap
from stemma.corpus.duplicates.contradictions import contradicted, contradicting
from stemma.corpus.duplicates.prompts import asked_elsewhere
from stemma.corpus.prepare.clean import Corpus
from stemma.corpus.prepare.report import (
    cluster_counts,
    contamination_counts,
    contradiction_counts,
)
from stemma.corpus.prepare.signing import Sign
from stemma.corpus.settings import DuplicateSettings, PrepareSection
from stemma.corpus.sharding.pool import Pool
from stemma.corpus.sharding.progress import ProgressBars
from stemma.corpus.sharding.shard import DROPPED
from stemma.corpus.split import PREFERENCE
from stemma.corpus.task import Encoding


@dataclasses.dataclass(frozen=True)
class Selection:
    """The documents that stay.

    Attributes:
        sides: int8 [documents], an index into SPLITS, or DROPPED.
        clusters: of duplicates, with the verdict on every document.
        counts: for data_report.json.
    """

    sides: NDArray[np.int8]
    clusters: Clusters
    counts: dict[str, Any]


def select(
    pool: Pool,
    corpus: Corpus,
    settings: PrepareSection,
    encoding: Encoding,
    work: Path,
    progress: ProgressBars,
) -> Selection:
    """Decide which documents stay, each on the side of the split that its own text draws.

    Raises:
        DataError: a document that another contradicts lacks what the task learns from.
    """
    sample = corpus.only(corpus.store.sample(SAMPLE))
    shingle = settings.duplicates.shingle
    boilerplate = find_boilerplate(pool, sample, shingle, settings.boilerplate, work, progress)
    clusters, contradictions = _cluster(
        pool, corpus, boilerplate, settings.duplicates, encoding, progress
    )
    sides = np.where(clusters.verdict == KEPT, corpus.store.sides(), np.int8(DROPPED))
    limits = settings.contamination
    placed = corpus.place(sides)
    overlaps = measure_overlap(pool, placed, limits.ngram, boilerplate, work, progress)
    seen = overlaps.share > limits.max_overlap
    contamination = contamination_counts(sides, overlaps, seen)
    if (sides == PREFERENCE).any():
        found = work / HELD_OUT
        seen |= asked_elsewhere(pool, placed, found, boilerplate, limits.ngram, limits.max_overlap)
    clusters.verdict[seen], sides[seen] = CONTAMINATED, DROPPED
    counts = {
        "boilerplate": {"shingles": len(boilerplate.many)},
        "duplicates": cluster_counts(clusters),
        "contradictions": contradictions,
        "contamination": {"ngram": limits.ngram, **contamination},
    }
    return Selection(sides, clusters, counts)


def _cluster(
    pool: Pool,
    corpus: Corpus,
    boilerplate: Boilerplate,
    settings: DuplicateSettings,
    encoding: Encoding,
    progress: ProgressBars,
) -> tuple[Clusters, dict[str, int]]:
    store = corpus.store
    if settings.near is not None:
        placed = corpus.place(store.sides())
        signed = pool.map(Sign(boilerplate, settings), placed)
        for one, _ in zip(placed, progress(signed, "sign"), strict=True):
            store.sign(Signatures.load(one.shard.signatures))
            one.shard.signatures.unlink()
    inputs = store.inputs()
    equal = contradicting(pool, corpus.only(_repeated(inputs)), inputs, encoding)
    # In pairs of texts, another second text is no contradiction that matters.
    aside = equal & (inputs == store.keys()[:, 0]) & (settings.exact == "drop")
    clusters = find_clusters(store, settings, aside)
    clusters.verdict[aside] = CONTRADICTING
    near = np.zeros(len(inputs), np.bool_)
    near[clusters.verdict == NEAR] = True
    near[clusters.representative[near]] = True
    similar = contradicted(pool, corpus.only(near), clusters, encoding)
    return clusters, contradiction_counts(inputs[equal], similar)


def _repeated(values: NDArray[np.uint64]) -> NDArray[np.bool_]:
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    return counts[place] > 1
