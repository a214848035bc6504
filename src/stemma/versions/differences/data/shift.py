"""How the kept documents of two versions differ as a whole: in length and in language."""

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from stemma.pages.blocks import Table
from stemma.statistics.shift import jensen_shannon, kolmogorov_smirnov

# A smaller shift is not put into words: a handful of documents does as much to any corpus.
_LEAST_DISTANCE, _LEAST_BITS = 0.01, 0.001
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def facts_of(one: pa.Table, other: pa.Table) -> dict[str, Any]:
    """Compare the kept documents of two manifests.

    Returns:
        ``length``: quantiles of tokens and of bytes per document, and the Kolmogorov-Smirnov
        distance of the bytes, which do not depend on the tokenizer. ``languages``: number of
        documents by language, and their Jensen-Shannon divergence in bits. Both distances are None
        where a version has no documents.
    """
    columns = ["bytes", "tokens", "language"]
    kept = [table.select(columns).filter(table["split"].is_valid()) for table in (one, other)]
    lengths = {
        unit: [table[unit].drop_null().to_numpy() for table in kept] for unit in ("tokens", "bytes")
    }
    languages = [_histogram(table["language"]) for table in kept]
    known = bool(len(kept[0]) and len(kept[1]))
    return {
        "length": {
            **{unit: [_quantiles(values) for values in sides] for unit, sides in lengths.items()},
            "kolmogorov_smirnov": kolmogorov_smirnov(*lengths["bytes"]) if known else None,
        },
        "languages": {
            "a": languages[0],
            "b": languages[1],
            "jensen_shannon": jensen_shannon(*languages) if known else None,
        },
    }


def sentences(found: dict[str, Any]) -> list[str]:
    """Return sentences on shifts that are large enough to be worth one."""
    said = []
    distance = found["length"]["kolmogorov_smirnov"]
    if distance and distance >= _LEAST_DISTANCE:
        before, after = (side[_QUANTILES.index(0.5)] for side in found["length"]["bytes"])
        said.append(
            f"Length: the median document has {after:,.0f} bytes instead of {before:,.0f}; the two "
            f"distributions are up to {distance:.1%} of the documents apart (Kolmogorov-Smirnov)."
        )
    divergence = found["languages"]["jensen_shannon"]
    if divergence and divergence >= _LEAST_BITS:
        said.append(
            f"Languages: the shares differ by {divergence:.2g} bits (Jensen-Shannon: 0 is the same "
            "mix, 1 is no language in common)."
        )
    return said


def tables(found: dict[str, Any], names: tuple[str, str]) -> list[Table]:
    """Return the quantiles of length, and the languages whose number of documents differs."""
    length, languages = found["length"], found["languages"]
    rows = tuple(
        (f"{unit}, {name}", *(f"{value:,.0f}" for value in side))
        for unit in ("bytes", "tokens")
        for name, side in zip(names, length[unit], strict=True)
        if side
    )
    columns = ("per document", *(f"{share:.0%}" for share in _QUANTILES))
    made = [Table("Length: quantiles", columns, rows, frozenset(range(1, len(columns))))]
    keys = sorted({*languages["a"], *languages["b"]}, key=lambda key: -languages["b"].get(key, 0))
    counts = [(key, languages["a"].get(key, 0), languages["b"].get(key, 0)) for key in keys]
    moved = tuple((key, f"{a:,}", f"{b:,}") for key, a, b in counts if a != b)
    if moved:
        made.append(Table("Documents by language", ("language", *names), moved, frozenset((1, 2))))
    return made


def _quantiles(values: NDArray[np.int64]) -> list[float]:
    return np.quantile(values, _QUANTILES).tolist() if len(values) else []


def _histogram(languages: pa.ChunkedArray) -> dict[str, int]:
    counted = languages.fill_null("unknown").value_counts().to_pylist()
    return {row["values"]: row["counts"] for row in sorted(counted, key=lambda row: row["values"])}
