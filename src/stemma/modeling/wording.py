"""How near a written text comes to the one that was wanted: BLEU, chrF, ROUGE-L, exact match."""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from stemma.errors import SettingsError
from stemma.modeling.intervals import bootstrap

_WORD = re.compile("[a-z0-9]+")


def wording(
    written: Sequence[str], wanted: Sequence[str], resamples: int, seed: int
) -> dict[str, float]:
    """Return figures from 0 to 100, each with the ends of its 95 % interval over the examples.

    ``bleu`` (Papineni et al. 2002) and ``chrf`` (Popović 2015) are those of sacrebleu for the whole
    corpus; ``rouge_l`` (Lin 2004) is the mean F-measure of the longest common subsequence of words;
    ``exact_match`` the share of texts that are right to the letter.

    Args:
        written: what a model wrote, at least one.
        wanted: what stands there.
        resamples: of the bootstrap.
        seed: where the drawing starts.

    Raises:
        SettingsError: sacrebleu is not installed.
    """
    try:
        from sacrebleu.metrics.bleu import BLEU
        from sacrebleu.metrics.chrf import CHRF
    except ImportError as error:
        raise SettingsError(
            "task=seq2seq needs the package `sacrebleu`", "pip install 'stemma-lm[seq2seq]'"
        ) from error
    found = {}
    # Sums of counts make both figures; sacrebleu's own bootstrap adds them up in the same way.
    for name, metric in (("bleu", BLEU(force=True)), ("chrf", CHRF())):
        counts = np.array(metric._extract_corpus_statistics(written, [wanted]), np.float64).T

        def of_corpus(
            sums: NDArray[np.float64], name: str = name, metric: BLEU | CHRF = metric
        ) -> dict[str, NDArray[np.float64]]:
            rows = np.atleast_2d(sums.T).astype(int).tolist()
            scores = [metric._compute_score_from_stats(row).score for row in rows]
            return {name: np.array(scores).reshape(sums.shape[1:])}

        found |= bootstrap(counts, of_corpus, resamples, seed)
    pairs = list(zip(written, wanted, strict=True))
    means = np.array(
        [
            np.ones(len(pairs)),
            [100 * rouge_l(*pair) for pair in pairs],
            [100 * (one == other) for one, other in pairs],
        ]
    )
    return found | bootstrap(means, _means, resamples, seed)


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


def _means(sums: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    examples, overlap, exact = sums
    return {"rouge_l": overlap / examples, "exact_match": exact / examples}
