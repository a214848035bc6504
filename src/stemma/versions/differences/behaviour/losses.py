"""The loss of each document under two versions: which documents fare worse, and which better."""

import dataclasses
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stemma.modeling.metrics.formulas import Examples
from stemma.pages.beside import side_by_side
from stemma.pages.blocks import Block, Cell, Table, Text
from stemma.pages.numbers import signed, written
from stemma.store.errors import MissingError
from stemma.store.version import Version
from stemma.versions.comparison.pairs import Pairs
from stemma.versions.contents.examples import read_examples
from stemma.versions.contents.texts import beginnings
from stemma.versions.differences.behaviour.histogram import histogram

_SHOWN = 5
_TOKENS = 60
_CHARACTERS = 160
# What a model said about a document, if the examples have it.
_SAID = ("written", "predicted")


@dataclasses.dataclass(frozen=True)
class Losses:
    """The loss of each document under two versions.

    Attributes:
        unit: of the losses.
        a: losses under the first version, shape (pairs,).
        b: losses under the second version, likewise.
    """

    unit: str
    a: NDArray[np.float64]
    b: NDArray[np.float64]

    @property
    def change(self) -> NDArray[np.float64]:
        """How much higher each loss is under the second version."""
        with np.errstate(invalid="ignore"):
            return self.b - self.a


def loss_of(pairs: Pairs) -> Losses | None:
    """Return the losses, in a unit in which documents of any length can be compared.

    Returns:
        None if the versions have no document in common, or no losses.
    """
    sides = (pairs.a, pairs.b)
    if not pairs.ids or not all("loss" in side for side in sides):
        return None
    if all("bytes" in side for side in sides):
        # At least one byte: an answer may consist of nothing but its end.
        return Losses("bits per byte", *(_per(side, "bytes") / math.log(2) for side in sides))
    if all("words" in side for side in sides):
        return Losses("nats per word", *(_per(side, "words") for side in sides))
    return Losses("nats", *(side["loss"].astype(np.float64) for side in sides))


def _per(side: Examples, unit: str) -> NDArray[np.float64]:
    return side["loss"] / np.maximum(side[unit], 1)


class ShownDocuments:
    """The documents that are shown, the most changed first, and how they begin.

    Args:
        version: the version from whose data/prepared the texts are read.
        pairs: the documents.
        loss: their losses.

    Attributes:
        worse: rows of the documents that fare worse.
        better: rows of those that fare better.
        of: how each of these documents begins, by its row; "" if that is not known.
        missing: why the texts cannot be read; or "".
    """

    def __init__(self, version: Version, pairs: Pairs, loss: Losses) -> None:
        order = np.argsort(-loss.change, kind="stable")
        order = order[~np.isnan(loss.change[order])]
        self.worse = [int(row) for row in order[:_SHOWN] if loss.change[row] > 0]
        self.better = [int(row) for row in order[::-1][:_SHOWN] if loss.change[row] < 0]
        shown = [*self.worse, *self.better]
        self.missing = ""
        examples = read_examples(version)
        assert examples
        ids = examples["id"].tolist()
        places = {name: row for row, name in enumerate(ids)}
        rows = [places[pairs.ids[row]] for row in shown]
        try:
            found = beginnings(version, len(ids), rows, _TOKENS)
        except MissingError as error:
            found, self.missing = [""] * len(shown), error.message
        self.of = {row: " ".join(text.split()) for row, text in zip(shown, found, strict=True)}


def facts_of(pairs: Pairs, loss: Losses, shown: ShownDocuments) -> dict[str, Any]:
    """Return the facts on the documents."""

    def row(index: int) -> dict[str, Any]:
        said = {
            column: [str(side[column][index]) for side in (pairs.a, pairs.b)]
            for column in _SAID
            if column in pairs.a and column in pairs.b
        }
        numbers = {"a": float(loss.a[index]), "b": float(loss.b[index])}
        return {"id": pairs.ids[index], **numbers, **said, "begins": shown.of[index] or None}

    return {
        "unit": loss.unit,
        "better": int((loss.change < 0).sum()),
        "worse": int((loss.change > 0).sum()),
        "same": int((loss.change == 0).sum()),
        "most_worse": [row(index) for index in shown.worse],
        "most_better": [row(index) for index in shown.better],
    }


def sentence_of(pairs: Pairs, loss: Losses) -> str:
    """Return what the verdict says of the documents."""
    change = loss.change
    better, worse = int((change < 0).sum()), int((change > 0).sum())
    most = int(np.abs(np.nan_to_num(change)).argmax())
    return (
        f"{better} of {len(pairs.ids)} documents fare better and {worse} worse; most changed is "
        f"{pairs.ids[most]} ({signed(change[most])} {loss.unit})."
    )


def blocks_of(
    pairs: Pairs, loss: Losses, shown: ShownDocuments, names: tuple[str, str]
) -> list[Block]:
    """Return what is shown of the documents."""
    finite = loss.change[np.isfinite(loss.change)]
    blocks: list[Block] = [histogram(finite, loss.unit)] if finite.any() else []
    if lost := len(loss.change) - len(finite):
        blocks.append(Text(f"The loss of {lost:,} documents is no finite number on one side."))
    sides = (("worse", shown.worse, loss.change > 0), ("better", shown.better, loss.change < 0))
    for how, rows, those in sides:
        if rows:
            columns = ("document", *names, "change", "begins")
            lines = tuple(_line(index, pairs, loss, shown) for index in rows)
            more = f" ({len(rows)} of {those.sum():,} shown)" if len(rows) < those.sum() else ""
            title = f"Fare {how}, {loss.unit}{more}"
            blocks.append(Table(title, columns, lines, frozenset({1, 2, 3})))
    if shown.missing:
        blocks.append(Text(f"Without their texts: {shown.missing}."))
    for column in _SAID:
        if column in pairs.a and column in pairs.b:
            blocks += [
                side_by_side(f"{pairs.ids[index]}: {column}", names, *_said(pairs, column, index))
                for index in (*shown.worse, *shown.better)
                if pairs.a[column][index] != pairs.b[column][index]
            ]
    return blocks


def _line(index: int, pairs: Pairs, loss: Losses, shown: ShownDocuments) -> tuple[str | Cell, ...]:
    change, text = loss.change[index], shown.of[index]
    return (
        pairs.ids[index],
        written(loss.a[index]),
        written(loss.b[index]),
        Cell(signed(change), "worse" if change > 0 else "better"),
        text if len(text) <= _CHARACTERS else text[: _CHARACTERS - 1] + "…",
    )


def _said(pairs: Pairs, column: str, index: int) -> tuple[str, str]:
    return str(pairs.a[column][index]), str(pairs.b[column][index])
