"""What a version was asked when it was evaluated, and what became of it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stemma.corpus.features import Features
from stemma.modeling.prompts import unpacked
from stemma.monitoring.measured import Measured, measured_of
from stemma.store.errors import DamagedError
from stemma.store.version import Version

_KEY = b"stemma"
_FEATURES = tuple(one.name for one in dataclasses.fields(Features))
_REMEDY = "`dvc repro evaluate` writes it again"


@dataclasses.dataclass(frozen=True)
class Row:
    """A request made of the test split.

    Attributes:
        prompt: a text, or a conversation as clients send it.
        measured: what the model said of it.
        features: of the prompt.
        completion_tokens: of the answer, the one that ends it counted.
        finish: why the answer ended: ``stop`` or ``length``.
        refusal: whether it refuses, by `stemma.corpus.features.REFUSALS`.
        empty: whether it is white space, or nothing.
        answer: features of the answer; None if it is nothing.
    """

    prompt: str | list[dict[str, str]]
    measured: Measured
    features: Features
    completion_tokens: int
    finish: str
    refusal: bool
    empty: bool
    answer: Features | None


@dataclasses.dataclass(frozen=True)
class Reference:
    """What a version was asked when it was evaluated.

    Attributes:
        rows: the requests, in an order drawn by chance; at least one.
        common: whether each token is none of the rare ones, shape (vocabulary,).
        width: of the model's hidden states.
        answer_tokens: most that an answer could have.
    """

    rows: tuple[Row, ...]
    common: NDArray[np.bool_]
    width: int
    answer_tokens: int


def read(version: Version) -> Reference | None:
    """Return the reference of a version, fetched if need be.

    Returns:
        None if it has none: it was evaluated before there were any, or writes no text.

    Raises:
        MissingError: its bytes are nowhere.
        DamagedError: it is torn.
    """
    output = version.declared.reference
    raw = version.content(output, "") if version.files(output) else None
    return None if raw is None else parse(raw, f"{output} of {version.name}")


def parse(raw: bytes, where: str) -> Reference | None:
    """Return what the bytes of reference.parquet hold; None if it has no row.

    Args:
        raw: its bytes.
        where: which file it is, for an error.

    Raises:
        DamagedError: it is torn.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(pa.BufferReader(raw)).read(use_threads=False)
        facts = json.loads((table.schema.metadata or {}).get(_KEY, b"{}"))
        rows = tuple(map(_row, table.to_pylist()))
        if not rows:
            return None
        return Reference(rows, unpacked(facts["common"]), facts["width"], facts["answer_tokens"])
    # Arrow reports a torn stream as an OSError that names nothing.
    except (pa.ArrowException, OSError, ValueError, LookupError, TypeError) as error:
        raise DamagedError(f"{where} is torn: {error}", _REMEDY) from error


def _row(raw: Mapping[str, Any]) -> Row:
    told = {name: raw[name] for name in ("nats", "rare", "unknown", "state")}
    return Row(
        json.loads(raw["prompt"]),
        measured_of(told | {"tokens": raw["prompt_tokens"]}),
        _features(raw, ""),
        raw["completion_tokens"],
        raw["finish"],
        raw["refusal"],
        raw["empty"],
        None if raw["answer_characters"] is None else _features(raw, "answer_"),
    )


def _features(raw: Mapping[str, Any], before: str) -> Features:
    return Features(**{name: raw[f"{before}{name}"] for name in _FEATURES})
