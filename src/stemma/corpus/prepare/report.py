"""data_report.json: the corpus in numbers."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stemma.corpus.duplicates.clusters import Clusters
from stemma.corpus.duplicates.contamination import Overlap
from stemma.corpus.prepare.manifest import Tally
from stemma.corpus.split import SPLITS, TRAIN


def data_report(
    tally: Tally, personal: Counter[str], counts: dict[str, Any], vocabulary: int
) -> dict[str, Any]:
    """Return the report; it counts documents unless a key says otherwise.

    ``counts`` are those of the selection. The key ``truncated`` is there only if documents were
    cut.
    """
    raw = tally.documents.total()
    dropped = sum(reasons.total() for reasons in tally.dropped.values())
    return {
        "documents": {"raw": raw, "dropped": dropped, "kept": raw - dropped},
        "dropped": tally.dropped,
        "sources": {
            source: {"raw": count, "kept": tally.kept.get(source, _NOTHING)}
            for source, count in tally.documents.items()
        },
        "splits": tally.splits,
        "languages": tally.languages,
        "personal_data_found": personal,
        **counts,
        "vocabulary": vocabulary,
        "tokenizer": {
            "unknown": {split: tally.unknown[split] for split in SPLITS},
            "unknown_share": {
                split: tally.unknown[split] / max(1, tally.splits[split]["tokens"])
                for split in SPLITS
            },
            "not_restored": {split: tally.not_restored[split] for split in SPLITS},
        },
        **({"truncated": tally.truncated} if tally.truncated else {}),
    }


def notes(report: dict[str, Any]) -> Iterator[str]:
    """Yield what whoever made this corpus should read, line by line."""
    documents, dropped = report["documents"], Counter[str]()
    for reason, counts in report["dropped"].items():
        dropped[reason] = sum(counts.values())
    if dropped:
        yield f"{documents['kept']:,} of {documents['raw']:,} documents are kept; {told(dropped)}"
    contradictions = report["contradictions"]
    if contradictions["inputs"]:
        yield (
            f"{contradictions['documents']:,} documents contradict one another: "
            f"{contradictions['inputs']:,} inputs have more than one answer"
        )
    if contradictions["similar_documents"]:
        yield (
            f"{contradictions['similar_documents']:,} documents dropped as duplicates.near have "
            "another label than the similar one that is kept"
        )
    unknown, lost = (sum(report["tokenizer"][key].values()) for key in ("unknown", "not_restored"))
    if unknown or lost:
        yield (
            f"the tokenizer loses text: {unknown:,} tokens are unknown, and "
            f"{lost:,} documents do not come back from their tokens"
        )


def told(dropped: Counter[str]) -> str:
    """Return a phrase that names the reasons for dropping documents, and how many each dropped."""
    return "dropped: " + ", ".join(f"{reason} {n:,}" for reason, n in dropped.most_common())


_NOTHING = {"documents": 0, "bytes": 0, "tokens": 0}


def cluster_counts(clusters: Clusters) -> dict[str, int]:
    """Count the clusters of two or more documents, and their members."""
    sizes = np.bincount(clusters.representative)
    return {"clusters": int((sizes > 1).sum()), "members": int(sizes[sizes > 1].sum())}


def contradiction_counts(inputs: NDArray[np.uint64], similar: NDArray[np.bool_]) -> dict[str, int]:
    """Count the inputs with several answers, and the documents that have or resemble them.

    Args:
        inputs: uint64, the inputs of the documents whose input has several answers.
        similar: bool [documents], near-duplicates dropped for one with another label.
    """
    return {
        "inputs": len(np.unique(inputs)),
        "documents": len(inputs),
        "similar_documents": int(similar.sum()),
    }


def contamination_counts(
    sides: NDArray[np.int8], overlap: Overlap, removed: NDArray[np.bool_]
) -> dict[str, dict[str, int]]:
    """Sum up how much of each held-out split is also in train.

    Args:
        sides: int8 [documents], before the removal.
        overlap: of every document with train.
        removed: bool [documents], which of them are removed.
    """
    counts = {}
    for number, split in enumerate(SPLITS):
        if split != TRAIN:
            inside = sides == number
            counts[split] = {
                "documents": int(inside.sum()),
                "documents_with_overlap": int((overlap.seen[inside] > 0).sum()),
                "documents_removed": int(removed[inside].sum()),
                "ngrams": int(overlap.total[inside].sum()),
                "ngrams_in_train": int(overlap.seen[inside].sum()),
            }
    return counts
