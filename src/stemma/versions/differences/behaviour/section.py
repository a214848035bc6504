"""What two versions do: the documents that fare worse and better, and the same prompts answered."""

import dataclasses
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stemma.modeling.metrics.formulas import Examples
from stemma.pages.beside import side_by_side
from stemma.pages.blocks import Alike, Block, Cell, Section, Table, Text
from stemma.pages.numbers import figure, signed
from stemma.store.errors import MissingError
from stemma.store.version import Version
from stemma.versions.comparison.pairs import Pairs, pair
from stemma.versions.comparison.tested import TASK, measuring
from stemma.versions.contents.examples import read_examples
from stemma.versions.contents.samples import read_samples
from stemma.versions.contents.texts import beginnings
from stemma.versions.differences.behaviour.spread import spread

NAME = "behaviour"
_SHOWN = 5
_TOKENS = 60
_CHARACTERS = 160
# What a model said of a document, where the examples hold it.
_SAID = ("written", "predicted")


@dataclasses.dataclass(frozen=True)
class _Loss:
    """The losses of the pairs.

    Attributes:
        unit: of them.
        a: of the first version, shape (pairs,).
        b: of the second.
    """

    unit: str
    a: NDArray[np.float64]
    b: NDArray[np.float64]

    @property
    def change(self) -> NDArray[np.float64]:
        with np.errstate(invalid="ignore"):
            return self.b - self.a


def compare(a: Version, b: Version) -> Section | Alike:
    """Compare what two versions make of the test split and of the prompts.

    Returns:
        EQUAL if it is the same; ABSENT if the tasks are not, or there is nothing of both.

    Raises:
        ProjectError: a file of either version is torn.
    """
    if TASK in measuring(a, b):
        return Alike.ABSENT
    pairs, prompts = pair(a, b), _Prompts.of(a, b)
    loss = _loss(pairs) if pairs else None
    facts: dict[str, Any] = {}
    words: list[str] = []
    blocks: list[Block] = []
    if pairs and loss and loss.change.any():
        texts = _Texts(b, pairs, loss)
        facts["documents"] = _facts_of(pairs, loss, texts)
        words.append(_words_of(pairs, loss))
        blocks += _blocks_of(pairs, loss, texts, (a.name, b.name))
    if prompts.differ:
        facts["prompts"] = prompts.facts()
        words.append(prompts.words())
        blocks += prompts.blocks((a.name, b.name))
    if blocks:
        return Section(NAME, tuple(words), facts, tuple(blocks))
    return Alike.EQUAL if loss or prompts.both else Alike.ABSENT


def _loss(pairs: Pairs) -> _Loss | None:
    """Return the losses in the unit in which documents of any length compare."""
    sides = (pairs.a, pairs.b)
    if not pairs.ids or not all("loss" in side for side in sides):
        return None
    if all("bytes" in side for side in sides):
        # One byte at least: an answer may be empty but for its end.
        return _Loss("bits per byte", *(_per(side, "bytes") / math.log(2) for side in sides))
    if all("words" in side for side in sides):
        return _Loss("nats per word", *(_per(side, "words") for side in sides))
    return _Loss("nats", *(side["loss"].astype(np.float64) for side in sides))


def _per(side: Examples, unit: str) -> NDArray[np.float64]:
    return side["loss"] / np.maximum(side[unit], 1)


class _Texts:
    """The documents to show, the most changed first in each direction, and how they begin."""

    def __init__(self, version: Version, pairs: Pairs, loss: _Loss) -> None:
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


def _facts_of(pairs: Pairs, loss: _Loss, texts: _Texts) -> dict[str, Any]:
    def row(index: int) -> dict[str, Any]:
        said = {
            column: [str(side[column][index]) for side in (pairs.a, pairs.b)]
            for column in _SAID
            if column in pairs.a and column in pairs.b
        }
        numbers = {"a": float(loss.a[index]), "b": float(loss.b[index])}
        return {"id": pairs.ids[index], **numbers, **said, "begins": texts.of[index] or None}

    return {
        "unit": loss.unit,
        "better": int((loss.change < 0).sum()),
        "worse": int((loss.change > 0).sum()),
        "same": int((loss.change == 0).sum()),
        "most_worse": [row(index) for index in texts.worse],
        "most_better": [row(index) for index in texts.better],
    }


def _words_of(pairs: Pairs, loss: _Loss) -> str:
    change = loss.change
    better, worse = int((change < 0).sum()), int((change > 0).sum())
    most = int(np.abs(np.nan_to_num(change)).argmax())
    return (
        f"{better} of {len(pairs.ids)} documents fare better and {worse} worse; most changed is "
        f"{pairs.ids[most]} ({signed(change[most])} {loss.unit})."
    )


def _blocks_of(pairs: Pairs, loss: _Loss, texts: _Texts, names: tuple[str, str]) -> list[Block]:
    finite = loss.change[np.isfinite(loss.change)]
    blocks: list[Block] = [spread(finite, loss.unit)] if finite.any() else []
    if lost := len(loss.change) - len(finite):
        blocks.append(Text(f"The loss of {lost:,} documents is no finite number on one side."))
    sides = (("worse", texts.worse, loss.change > 0), ("better", texts.better, loss.change < 0))
    for how, rows, those in sides:
        if rows:
            columns = ("document", *names, "change", "begins")
            lines = tuple(_line(index, pairs, loss, texts) for index in rows)
            more = f" ({len(rows)} of {those.sum():,} shown)" if len(rows) < those.sum() else ""
            title = f"Fare {how}, {loss.unit}{more}"
            blocks.append(Table(title, columns, lines, frozenset({1, 2, 3})))
    if texts.missing:
        blocks.append(Text(f"Without their texts: {texts.missing}."))
    for column in _SAID:
        if column in pairs.a and column in pairs.b:
            blocks += [
                side_by_side(f"{pairs.ids[index]}: {column}", names, *_said(pairs, column, index))
                for index in (*texts.worse, *texts.better)
                if pairs.a[column][index] != pairs.b[column][index]
            ]
    return blocks


def _line(index: int, pairs: Pairs, loss: _Loss, texts: _Texts) -> tuple[str | Cell, ...]:
    change, text = loss.change[index], texts.of[index]
    return (
        pairs.ids[index],
        figure(loss.a[index]),
        figure(loss.b[index]),
        Cell(signed(change), "worse" if change > 0 else "better"),
        text if len(text) <= _CHARACTERS else text[: _CHARACTERS - 1] + "…",
    )


def _said(pairs: Pairs, column: str, index: int) -> tuple[str, str]:
    return str(pairs.a[column][index]), str(pairs.b[column][index])


@dataclasses.dataclass(frozen=True)
class _Prompts:
    """The answers of both to the same prompts, by prompt, and the prompts of one side only."""

    both: dict[str, tuple[str, str]]
    only_a: list[str]
    only_b: list[str]

    @classmethod
    def of(cls, a: Version, b: Version) -> "_Prompts":
        left, right = read_samples(a), read_samples(b)
        if left is None or right is None:
            return cls({}, [], [])
        return cls(
            {prompt: (text, right[prompt]) for prompt, text in left.items() if prompt in right},
            [prompt for prompt in left if prompt not in right],
            [prompt for prompt in right if prompt not in left],
        )

    @property
    def differ(self) -> dict[str, tuple[str, str]]:
        return {prompt: texts for prompt, texts in self.both.items() if texts[0] != texts[1]}

    def words(self) -> str:
        return f"{len(self.differ)} of {len(self.both)} prompts are answered differently."

    def facts(self) -> dict[str, Any]:
        return {
            "same": len(self.both) - len(self.differ),
            "different": [
                {"prompt": prompt, "a": one, "b": other}
                for prompt, (one, other) in self.differ.items()
            ],
            "only_a": self.only_a,
            "only_b": self.only_b,
        }

    def blocks(self, names: tuple[str, str]) -> list[Block]:
        blocks: list[Block] = [
            side_by_side(prompt, names, *answers) for prompt, answers in self.differ.items()
        ]
        for name, prompts in zip(names, (self.only_a, self.only_b), strict=True):
            if prompts:
                blocks.append(Text(f"Only {name} was asked: {'; '.join(prompts)}"))
        return blocks
