"""data_report.json: the corpus in numbers."""

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from stemma.corpus.contamination import Overlap
from stemma.corpus.duplicates import Clusters
from stemma.corpus.manifest import Tally
from stemma.corpus.split import SPLITS, TRAIN


def data_report(
    tally: Tally, personal: Counter[str], duplicates: dict, contamination: dict, vocabulary: int
) -> dict:
    """Put the report together; every count is of documents unless its key says otherwise.

    ``truncated`` stands in it only where the task has cut some.
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
        "duplicates": duplicates,
        "contamination": contamination,
        "vocabulary": vocabulary,
        **({"truncated": tally.truncated} if tally.truncated else {}),
    }


_NOTHING = {"documents": 0, "bytes": 0, "tokens": 0}


def cluster_figures(clusters: Clusters) -> dict[str, int]:
    """Count the clusters of two and more, and their members."""
    sizes = np.bincount(clusters.representative)
    return {"clusters": int((sizes > 1).sum()), "members": int(sizes[sizes > 1].sum())}


def contamination_figures(
    sides: NDArray[np.int8], overlap: Overlap, removed: NDArray[np.bool_]
) -> dict[str, dict[str, int]]:
    """Sum up, for each held-out split, how much of it stands in train too.

    Args:
        sides: int8 [documents], before the removal.
        overlap: of every document.
        removed: bool [documents].
    """
    figures = {}
    for number, split in enumerate(SPLITS):
        if split != TRAIN:
            inside = sides == number
            figures[split] = {
                "documents": int(inside.sum()),
                "documents_with_overlap": int((overlap.seen[inside] > 0).sum()),
                "documents_removed": int(removed[inside].sum()),
                "ngrams": int(overlap.total[inside].sum()),
                "ngrams_in_train": int(overlap.seen[inside].sum()),
            }
    return figures
