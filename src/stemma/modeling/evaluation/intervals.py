"""From scores to figures with intervals: sums per document, resampled over documents."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from stemma.errors import ModelError
from stemma.modeling.evaluation.heldout import Predicted
from stemma.modeling.evaluation.windows import Scores
from stemma.modeling.metrics.formulas import TOKENS, Formulas
from stemma.modeling.metrics.names import ENDS
from stemma.statistics import FEWEST
from stemma.statistics.resampling import draw

# More than anyone reads, so that nobody rounds what was rounded; fewer than processors differ in.
_DIGITS = 10
_OF_BYTES = "bits_per_byte"
_IMPOSSIBLE = 149 * np.log(2)  # nats: the smallest number of single precision is 2^-149
_DOUBLINGS = 40


@dataclasses.dataclass(frozen=True)
class Tally:
    """What a model scored, summed per document and per distance from the document's start.

    Attributes:
        names: of the documents, for messages.
        loss: nats, shape (documents,).
        top1: tokens that were the first guess, shape (documents,).
        top5: tokens among the first five guesses, shape (documents,).
        position_loss: nats at positions 2 ** i - 1 up to 2 ** (i + 1) - 2, in element i.
        position_tokens: tokens there.
    """

    names: Sequence[str]
    loss: NDArray[np.float64]
    top1: NDArray[np.int64]
    top5: NDArray[np.int64]
    position_loss: NDArray[np.float64]
    position_tokens: NDArray[np.int64]

    @classmethod
    def empty(cls, names: Sequence[str]) -> Self:
        """Start a tally of as many documents as there are names."""
        shape, doublings = len(names), _DOUBLINGS
        return cls(
            names,
            np.zeros(shape),
            np.zeros(shape, np.int64),
            np.zeros(shape, np.int64),
            np.zeros(doublings),
            np.zeros(doublings, np.int64),
        )

    def add(self, scores: Scores) -> None:
        """Add scores.

        Raises:
            ModelError: a loss is not finite; names the document.
        """
        (broken,) = np.nonzero(~np.isfinite(scores.loss))
        if len(broken):
            name = self.names[int(scores.document[broken[0]])]
            raise _diverged(f"the loss of test document '{name}' is not a finite number")
        np.add.at(self.loss, scores.document, scores.loss)
        np.add.at(self.top1, scores.document, scores.rank < 1)
        np.add.at(self.top5, scores.document, scores.rank < 5)
        # The exponent is one more than the whole part of the logarithm to base 2.
        doubling = np.frexp(scores.position + 1)[1] - 1
        np.add.at(self.position_loss, doubling, scores.loss)
        np.add.at(self.position_tokens, doubling, 1)


def tally(name: str, predicted: Predicted, scores: Iterable[Scores]) -> Tally:
    """Add up a model's scores, with a progress bar under the model's name.

    Raises:
        ModelError: a loss is not finite; names the document.
    """
    result = Tally.empty(predicted.ids)
    with tqdm(total=int(predicted.lengths.sum()), desc=name, unit="token", disable=None) as bar:
        for part in scores:
            result.add(part)
            bar.update(len(part.loss))
    return result


def figures(tally: Tally, predicted: Predicted, resamples: int, seed: int) -> dict[str, float]:
    """Return each figure with the ends of its 95 % interval, as ``bootstrap`` has them.

    Of bits per byte there is nothing where a text does not come back from its tokens: the loss is
    the length of a code for the tokens alone then, and the less of a text these keep, the shorter.

    Args:
        tally: the model's scores.
        predicted: what was scored.
        resamples: how often to draw as many documents as there are.
        seed: where the drawing starts.

    Returns:
        ``loss`` (nats per token), ``perplexity``, ``bits_per_byte``, ``top1_accuracy`` and
        ``top5_accuracy``, and each again with ``_low`` and ``_high``.

    Raises:
        ModelError: the loss is one of a model that gives the texts no probability at all.
    """
    mean = float(tally.loss.sum() / predicted.lengths.sum())
    if mean > _IMPOSSIBLE:
        raise _diverged(
            f"the loss of the test split is {mean:,.0f} nats per token, and no probability that "
            f"single precision holds is below e^-{_IMPOSSIBLE:.0f}"
        )
    columns = np.stack(
        [predicted.lengths, predicted.sizes, tally.loss, tally.top1, tally.top5]
    ).astype(np.float64)
    found = bootstrap(columns, TOKENS.figures, resamples, seed)
    if predicted.not_restored:
        return {key: value for key, value in found.items() if not key.startswith(_OF_BYTES)}
    return found


def of_examples(
    examples: Mapping[str, Any], formulas: Iterable[Formulas], resamples: int, seed: int
) -> dict[str, float]:
    """Return the figures that formulas find in examples, each again with ``_low`` and ``_high``.

    Args:
        examples: columns of reports/examples.parquet, one row per document.
        formulas: each finds its own figures; one seed draws the same documents for all.
        resamples: how often to draw as many documents as there are.
        seed: where the drawing starts.
    """
    columns = {name: np.asarray(column) for name, column in examples.items()}
    found: dict[str, float] = {}
    for one in formulas:
        found |= bootstrap(one.parts(columns), one.figures, resamples, seed)
    return found


def bootstrap(
    columns: NDArray[np.float64],
    figures: Callable[[NDArray[np.float64]], dict[str, NDArray[np.float64]]],
    resamples: int,
    seed: int,
) -> dict[str, float]:
    """Return figures of sums over documents, each again with ``_low`` and ``_high``.

    The interval is the percentile bootstrap (Efron 1979) over documents, since the tokens of one
    document do not vary independently. One seed draws the same documents for every model. Of fewer
    documents than FEWEST there is no interval.

    Args:
        columns: what is summed, shape (columns, documents).
        figures: from sums, shape (columns, ...), to figures by name, shape (...).
        resamples: how often to draw as many documents as there are.
        seed: where the drawing starts.

    Raises:
        ModelError: a figure, or an end, is not a finite number.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        values = figures(columns.sum(axis=1))
        enough = columns.shape[1] >= FEWEST
        drawn = figures(draw(columns, resamples, seed)) if enough else {}
        result = {}
        for name, value in values.items():
            result[name] = float(value)
            if enough:
                ends = np.quantile(drawn[name], [0.025, 0.975]).tolist()
                result |= {f"{name}{end}": number for end, number in zip(ENDS, ends, strict=True)}
    for key, number in result.items():
        if not np.isfinite(number):
            raise _diverged(f"{key} of the test split is not a finite number")
    return {key: float(f"{number:.{_DIGITS}g}") for key, number in result.items()}


def _diverged(what: str) -> ModelError:
    return ModelError(what, "the training diverged: lower train.learning_rate")
