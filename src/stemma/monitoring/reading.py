"""Reads what a store keeps, also while a server writes it."""

from __future__ import annotations

import contextlib
import json
import math
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from stemma.corpus.features import Features
from stemma.monitoring.feedback import Feedback
from stemma.monitoring.measured import Measured, Probe, unpacked
from stemma.monitoring.records import Record
from stemma.monitoring.store import COLUMNS, FIELDS, WAITS
from stemma.store.errors import ProjectError


def records(
    path: Path, since: float = 0.0, until: float | None = None, version: str | None = None
) -> Iterator[Record]:
    """Yield the records of a store, in the order in which they were made.

    Args:
        path: of the file.
        since: seconds since 1970.
        until: seconds since 1970; None for now, and whatever is said to come after it.
        version: whose records; None for all.

    Raises:
        ProjectError: there is no such store, or it is torn.
    """
    condition, given = _within(since, until, version)
    query = f"SELECT number, {COLUMNS} FROM records WHERE {condition} ORDER BY number"
    for row in _rows(path, query, given):
        told = dict(zip(("number", *FIELDS), row, strict=True))
        told["finishes"] = tuple(json.loads(told["finishes"]))
        for name in ("prompt", "answer"):
            told[name] = told[name] and Features(**json.loads(told[name]))
        yield Record(**told)


def feedbacks(path: Path, since: float = 0.0) -> Iterator[Feedback]:
    """Yield the feedback of a store.

    Raises:
        ProjectError: there is no such store, or it is torn.
    """
    query = ("SELECT id, feedback.time, thumb, label, correction, comment FROM feedback JOIN "
             "records USING (number) WHERE feedback.time >= ? ORDER BY number")  # fmt: skip
    for row in _rows(path, query, [since]):
        yield Feedback(*row)


def texts(path: Path) -> Iterator[tuple[str, list[Any], list[str]]]:
    """Yield the id, the prompts and the answers of each request whose texts are kept.

    Raises:
        ProjectError: there is no such store, or it is torn.
    """
    query = (
        "SELECT id, prompts, texts.answers FROM texts JOIN records USING (number) ORDER BY number"
    )
    for name, prompts, answers in _rows(path, query, []):
        yield name, json.loads(prompts), json.loads(answers)


def measured(
    path: Path, since: float = 0.0, until: float | None = None, version: str | None = None
) -> Iterator[tuple[str, Measured]]:
    """Yield the id of each request of which the model said something, and what it said.

    Raises:
        ProjectError: there is no such store, or it is torn.
    """
    condition, given = _within(since, until, version)
    query = ("SELECT id, nats, tokens, rare, unknown, state FROM measured JOIN records USING "
             f"(number) WHERE {condition} ORDER BY number")  # fmt: skip
    for name, nats, tokens, rare, unknown, state in _rows(path, query, given):
        # SQLite has no NaN, and keeps NULL in its place.
        known = [math.nan if one is None else one for one in (nats, rare, unknown)]
        yield name, Measured(known[0], tokens, *known[1:], state=unpacked(state))


def probes(
    path: Path, since: float = 0.0, until: float | None = None, version: str | None = None
) -> Iterator[Probe]:
    """Yield what engines said of the prompts of a reference.

    Raises:
        ProjectError: there is no such store, or it is torn.
    """
    condition, given = _within(since, until, version)
    query = ("SELECT time, version, digest, place, nats FROM probes "
             f"WHERE {condition} ORDER BY number")  # fmt: skip
    for row in _rows(path, query, given):
        yield Probe(*row)


def _within(since: float, until: float | None, version: str | None) -> tuple[str, list[Any]]:
    condition = "time >= ?" + (" AND time < ?" if until is not None else "")
    condition += " AND version = ?" if version is not None else ""
    return condition, [one for one in (since, until, version) if one is not None]


def _rows(path: Path, query: str, given: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
    if not path.exists():
        raise ProjectError(f"there is no {path}", "`stemma serve` writes it")
    try:
        with contextlib.closing(sqlite3.connect(path, timeout=WAITS)) as base:
            yield from base.execute(query, given)
    except sqlite3.OperationalError as error:
        # One that is being made, or that an older server has made.
        if "no such table" not in str(error):
            raise _unreadable(path, error) from error
    except sqlite3.Error as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: sqlite3.Error) -> ProjectError:
    return ProjectError(f"{path} cannot be read: {error}", "a server puts it aside")
