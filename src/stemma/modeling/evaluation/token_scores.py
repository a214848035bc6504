"""From the scores of single tokens to metrics: sums by document, and the tables made of them."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from stemma.modeling import processes
from stemma.modeling.evaluation.heldout import Predicted
from stemma.modeling.evaluation.intervals import bootstrap, diverged
from stemma.modeling.evaluation.results import POSITIONS
from stemma.modeling.metrics.tokens import BITS_PER_BYTE, TOKENS

_DIGITS = 4
_IMPOSSIBLE = 149 * np.log(2)  # nats: the smallest number of single precision is 2^-149
_DOUBLINGS = 40


@dataclasses.dataclass(frozen=True, slots=True)
class Scores:
    """How well a model predicted some tokens; four arrays of one length.

    Attributes:
        document: index of the document.
        position: index of the token in its document.
        loss: negative logarithm of the token's probability, in nats.
        rank: how many tokens the model held for likelier; 0 if its first guess was right. Of
            equally likely tokens the one with the lower id comes first.
    """

    document: NDArray[np.int64]
    position: NDArray[np.int64]
    loss: NDArray[np.floating]
    rank: NDArray[np.int64]


@dataclasses.dataclass(frozen=True)
class DocumentScores:
    """A model's scores, summed by document and by distance from the document's start.

    Attributes:
        names: of the documents, for messages.
        loss: nats, shape (documents,).
        top1: tokens that were the first guess, shape (documents,).
        top5: tokens among the first five guesses, shape (documents,).
        position_loss: nats at positions 2 ** i - 1 up to 2 ** (i + 1) - 2, in element i.
        position_tokens: tokens at these positions.
    """

    names: Sequence[str]
    loss: NDArray[np.float64]
    top1: NDArray[np.int64]
    top5: NDArray[np.int64]
    position_loss: NDArray[np.float64]
    position_tokens: NDArray[np.int64]

    @classmethod
    def empty(cls, names: Sequence[str]) -> Self:
        """Return sums of zero for as many documents as there are names."""
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
        """Add scores to the sums.

        Raises:
            ModelError: a loss is not finite; the message names the document.
        """
        (broken,) = np.nonzero(~np.isfinite(scores.loss))
        if len(broken):
            name = self.names[int(scores.document[broken[0]])]
            raise diverged(f"the loss of test document '{name}' is not a finite number")
        np.add.at(self.loss, scores.document, scores.loss)
        np.add.at(self.top1, scores.document, scores.rank < 1)
        np.add.at(self.top5, scores.document, scores.rank < 5)
        # The exponent is one more than the whole part of the logarithm to base 2.
        doubling = np.frexp(scores.position + 1)[1] - 1
        np.add.at(self.position_loss, doubling, scores.loss)
        np.add.at(self.position_tokens, doubling, 1)


def sum_scores(name: str, predicted: Predicted, scores: Iterable[Scores]) -> DocumentScores:
    """Sum a model's scores, with a progress bar under the model's name.

    Raises:
        ModelError: a loss is not finite; the message names the document.
    """
    sums = DocumentScores.empty(predicted.ids)
    total, disable = int(predicted.lengths.sum()), processes.silence()
    with tqdm(total=total, desc=name, unit="token", disable=disable) as bar:
        for part in scores:
            sums.add(part)
            bar.update(len(part.loss))
    return sums


def token_metrics(
    sums: DocumentScores, predicted: Predicted, resamples: int, seed: int
) -> dict[str, float]:
    """Return the metrics of TOKENS with the ends of their 95 % intervals, as ``bootstrap`` does.

    Bits per byte is left out where a text does not come back from its tokens: the loss is then the
    length of a code for the tokens alone, which is the shorter the less of the text they keep.

    Args:
        sums: the model's scores.
        predicted: what was scored.
        resamples: how often to draw as many documents as there are.
        seed: of the drawing.

    Raises:
        ModelError: the loss is so high that the model gives the texts no probability at all.
    """
    mean = float(sums.loss.sum() / predicted.lengths.sum())
    if mean > _IMPOSSIBLE:
        raise diverged(
            f"the loss of the test split is {mean:,.0f} nats per token, and no probability that "
            f"single precision holds is below e^-{_IMPOSSIBLE:.0f}"
        )
    columns = np.stack([predicted.lengths, predicted.sizes, sums.loss, sums.top1, sums.top5])
    found = bootstrap(columns.astype(np.float64), TOKENS.values, resamples, seed)
    if predicted.not_restored:
        return {key: value for key, value in found.items() if not key.startswith(BITS_PER_BYTE)}
    return found


def example_columns(predicted: Predicted, sums: DocumentScores) -> dict[str, Any]:
    """Return the columns of examples.parquet, one row per document.

    Columns: id, tokens, bytes, loss (sum over the tokens, in nats), correct (tokens that were the
    first guess), top5 (tokens among the first five guesses).
    """
    return {
        "id": predicted.ids,
        "tokens": predicted.lengths,
        "bytes": predicted.sizes,
        "loss": sums.loss,
        "correct": sums.top1,
        "top5": sums.top5,
    }


def loss_by_position(models: Mapping[str, DocumentScores]) -> list[list[Any]]:
    """Return the loss in nats per token by distance from the document's start, as rows of a table.

    A row covers the tokens from ``position`` (counted from 1) to just before twice that; a model
    that uses what it has read gets better from row to row.
    """
    counts = models["model"].position_tokens
    doublings = int(np.flatnonzero(counts)[-1]) + 1
    return [[*POSITIONS, *models]] + [
        [
            2**index,
            int(counts[index]),
            *(
                round(float(sums.position_loss[index] / counts[index]), _DIGITS)
                for sums in models.values()
            ),
        ]
        for index in range(doublings)
    ]
