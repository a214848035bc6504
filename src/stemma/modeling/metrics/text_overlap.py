"""Metrics of written texts: how close each comes to its reference, by four measures.

All range from 0 to 100. ``bleu`` (Papineni et al. 2002) and ``chrf`` (Popović 2015) are computed by
sacrebleu over the whole corpus; ``rouge_l`` (Lin 2004) is the mean F-measure of the longest common
subsequence of words; ``exact_match`` is the share of texts that equal their reference.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from stemma.errors import SettingsError
from stemma.modeling.metrics.formulas import Examples, Formulas, higher

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF

_WORD = re.compile("[a-z0-9]+")
# Where the rows of BLEU's counts end (n-grams up to 4: matched and all; two lengths), and those of
# chrF's (n-grams up to 6: written, wanted and matched).
_ENDS = (10, 28)


def rouge_l(written: str, wanted: str) -> float:
    """Return the F-measure of the longest common subsequence of words, without stemming."""
    one, other = _WORD.findall(written.lower()), _WORD.findall(wanted.lower())
    if not one or not other:
        return 0.0
    lengths = [0] * (len(other) + 1)
    for word in one:
        diagonal = 0
        for index, candidate in enumerate(other, 1):
            above = lengths[index]
            same = word == candidate
            lengths[index] = diagonal + 1 if same else max(above, lengths[index - 1])
            diagonal = above
    return 2 * lengths[-1] / (len(one) + len(other))


def _scorers() -> tuple[BLEU, CHRF]:
    try:
        from sacrebleu.metrics.bleu import BLEU
        from sacrebleu.metrics.chrf import CHRF
    except ImportError as error:
        raise SettingsError(
            "BLEU and chrF of task=seq2seq need the package `sacrebleu`",
            "pip install 'stemma-lm[seq2seq]'",
        ) from error
    return BLEU(force=True), CHRF()


def _parts(examples: Examples) -> NDArray[np.float64]:
    import numpy as np

    written, wanted = (examples[name].tolist() for name in ("written", "wanted"))
    pairs = list(zip(written, wanted, strict=True))
    counts = [metric._extract_corpus_statistics(written, [wanted]) for metric in _scorers()]
    means = [(1, 100 * rouge_l(*pair), 100 * (pair[0] == pair[1])) for pair in pairs]
    return np.concatenate([*counts, means], axis=1, dtype=np.float64).T


def _values(sums: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    import numpy as np

    # BLEU and chrF are made of summed counts, as in sacrebleu's own bootstrap.
    *counts, (examples, overlap, exact) = np.split(sums, _ENDS)
    found = {}
    for name, metric, part in zip(("bleu", "chrf"), _scorers(), counts, strict=True):
        rows = np.atleast_2d(part.T).astype(int).tolist()
        scores = [metric._compute_score_from_stats(row).score for row in rows]
        found[name] = np.array(scores).reshape(sums.shape[1:])[()]
    return found | {"rouge_l": overlap / examples, "exact_match": exact / examples}


_POINTS = "0 to 100"
OVERLAP = Formulas(
    metrics=(
        higher("bleu", "BLEU", _POINTS, "BLEU", "bleu"),
        higher("chrf", "chrF", _POINTS, "chrF", "chrf"),
        higher("rouge_l", "ROUGE-L", _POINTS, "ROUGE-L", "rouge"),
        higher("exact_match", "exact match", _POINTS, "Exact match", "exact_match"),
    ),
    needs=("written", "wanted"),
    parts=_parts,
    values=_values,
)
"""Both of its functions raise SettingsError if sacrebleu is not installed."""
