"""The file that keeps records: SQLite, bounded in size and age, put aside when it is torn."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import secrets
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stemma.corpus.features import Features
from stemma.layout import RUNS
from stemma.monitoring.feedback import (
    AnothersAnswerError,
    Feedback,
    SecondFeedbackError,
    UnknownAnswerError,
)
from stemma.monitoring.measured import Measured, Probe, packed
from stemma.monitoring.records import Finished, Record, record_of, texts_of, veiled
from stemma.monitoring.settings import MonitoringSettings
from stemma.monitoring.texts import MOST, masked, masked_prompts
from stemma.store.errors import ProjectError

FILE = RUNS / "monitoring" / "records.db"
_DAY = 86_400.0
_MEGABYTE = 2**20
WAITS = 2.0  # seconds for another process that writes
_LOG_PAGES = 128  # after which what is logged goes into the file
_SPARED = 0.9  # of the size that is allowed, to which an overfull file is brought
_TORN = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
FIELDS = tuple(one.name for one in dataclasses.fields(Record) if one.name != "number")
COLUMNS = ", ".join(f'"{name}"' for name in FIELDS)  # `commit` is a word of SQL
_JSON = ("finishes", "prompt", "answer")
_SCHEMA = f"""
PRAGMA auto_vacuum = INCREMENTAL;
PRAGMA journal_mode = WAL;
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS store (salt BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS records (
  number INTEGER PRIMARY KEY AUTOINCREMENT, {COLUMNS});
CREATE UNIQUE INDEX IF NOT EXISTS records_id ON records (id);
CREATE INDEX IF NOT EXISTS records_time ON records (time);
CREATE TABLE IF NOT EXISTS texts (
  number INTEGER PRIMARY KEY REFERENCES records ON DELETE CASCADE, time, prompts, answers);
CREATE INDEX IF NOT EXISTS texts_time ON texts (time);
CREATE TABLE IF NOT EXISTS feedback (
  number INTEGER PRIMARY KEY REFERENCES records ON DELETE CASCADE, time, thumb, label,
  correction, comment);
CREATE TABLE IF NOT EXISTS measured (
  number INTEGER PRIMARY KEY REFERENCES records ON DELETE CASCADE, nats, tokens, rare, unknown,
  state BLOB);
CREATE TABLE IF NOT EXISTS probes (
  number INTEGER PRIMARY KEY AUTOINCREMENT, time, version, digest, place, nats);
CREATE INDEX IF NOT EXISTS probes_time ON probes (time);
COMMIT;
"""


class TornError(ProjectError):
    """The file is no whole database."""


class Store:
    """An open store, for one thread.

    Args:
        path: of the file; it is made if it is not there.
        settings: its bounds.

    Raises:
        TornError: it is no whole database.
        OSError: it cannot be made.
        sqlite3.Error: it cannot be written now.
    """

    def __init__(self, path: Path, settings: MonitoringSettings) -> None:
        self._settings = settings
        path.parent.mkdir(parents=True, exist_ok=True)
        # Records are no part of a version, whatever .gitignore of the project says.
        with contextlib.suppress(OSError):
            (path.parent / ".gitignore").write_text("*\n", encoding="utf-8")
        # SQLite gives the files beside it the same mode: they are nobody else's business.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        self._base = sqlite3.connect(path, timeout=WAITS, isolation_level=None)
        try:
            with _torn(path):
                self._begin(path)
        except BaseException:
            self._base.close()
            raise
        self._path, self._inode = path, path.stat().st_ino

    def _begin(self, path: Path) -> None:
        self._base.executescript(_SCHEMA)
        for pragma in ("synchronous = NORMAL", "foreign_keys = ON", "secure_delete = ON",
                       f"wal_autocheckpoint = {_LOG_PAGES}",
                       f"journal_size_limit = {_LOG_PAGES * 4096}"):  # fmt: skip
            self._base.execute(f"PRAGMA {pragma}")
        told = self._base.execute("PRAGMA quick_check(1)").fetchone()[0]
        if told != "ok":
            raise TornError(f"{path} is torn: {told}")
        self._base.execute(
            "INSERT INTO store SELECT ? WHERE NOT EXISTS (SELECT 1 FROM store)",
            (secrets.token_bytes(16),),
        )
        self._salt = self._base.execute("SELECT salt FROM store").fetchone()[0]

    def close(self) -> None:
        """Close it."""
        self._base.close()

    def is_there(self) -> bool:
        """Say whether the file is still the one that was opened: people delete it."""
        return self._path.exists() and self._path.stat().st_ino == self._inode

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Write all that is added within, or nothing.

        Raises:
            TornError: it is no whole database.
            sqlite3.Error: it cannot be written now.
        """
        with _torn(self._path):
            self._base.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._base.execute("COMMIT")
            except BaseException:
                if self._base.in_transaction:
                    self._base.execute("ROLLBACK")
                raise

    def add(self, finished: Finished) -> Record:
        """Add the record of a request, and its texts where that is allowed; return the record."""
        record = record_of(finished, self._salt)
        marks = ", ".join("?" * len(FIELDS))
        row = self._base.execute(
            f"INSERT OR IGNORE INTO records ({COLUMNS}) VALUES ({marks})",
            [_stored(name, getattr(record, name)) for name in FIELDS],
        )
        allowed = self._settings.keep_text and finished.consent and finished.failure is None
        if (
            allowed and row.rowcount and finished.characters <= MOST
            and texts_of(finished.prompts) is not None
        ):  # fmt: skip
            prompts, answers = masked_prompts(finished.prompts), [*map(masked, finished.texts)]
            self._base.execute(
                "INSERT INTO texts VALUES (?, ?, ?, ?)",
                (row.lastrowid, finished.time, _json(prompts), _json(answers)),
            )
        return record

    def take(self, feedback: Feedback, key: str | None) -> None:
        """Add feedback.

        Args:
            feedback: on an answer.
            key: the name of the key with which it came; None where none is needed.

        Raises:
            UnknownAnswerError: there is no record of the answer.
            AnothersAnswerError: another key had asked.
            SecondFeedbackError: there is feedback on it already.
        """
        found = self._base.execute(
            "SELECT number, key FROM records WHERE id = ?", (feedback.response_id,)
        ).fetchone()
        if found is None:
            raise UnknownAnswerError(
                f"there is no record of an answer '{feedback.response_id}'",
                "its id is the field `id` of the answer",
            )
        if found[1] != (None if key is None else veiled(key, self._salt)):
            raise AnothersAnswerError("another key has asked for this answer", "use that one")
        texts = [one and masked(one)
                 for one in (feedback.label, feedback.correction, feedback.comment)]  # fmt: skip
        added = self._base.execute(
            "INSERT OR IGNORE INTO feedback VALUES (?, ?, ?, ?, ?, ?)",
            (found[0], feedback.time, feedback.thumb, *texts),
        )
        if not added.rowcount:
            raise SecondFeedbackError(
                "there is feedback on this answer already", "it is not replaced"
            )

    def measure(self, name: str, measured: Measured) -> None:
        """Add what the model says of the prompt of a request; nothing if its record is gone.

        Args:
            name: id of the answer.
            measured: what it says.
        """
        self._base.execute(
            "INSERT OR IGNORE INTO measured SELECT number, ?, ?, ?, ?, ? FROM records WHERE id = ?",
            (measured.nats, measured.tokens, measured.rare, measured.unknown,
             packed(measured.state), name),
        )  # fmt: skip

    def probe(self, one: Probe) -> None:
        """Add what an engine says of a prompt of the reference."""
        self._base.execute(
            "INSERT INTO probes (time, version, digest, place, nats) VALUES (?, ?, ?, ?, ?)",
            dataclasses.astuple(one),
        )

    def expire(self, now: float) -> None:
        """Delete what is too old; records go by number, so that a wrong clock takes none early.

        Args:
            now: seconds since 1970.
        """
        run, settings = self._base.execute, self._settings
        # The plus sign makes it walk by number, and end at the first.
        young = run("SELECT number FROM records WHERE +time >= ? ORDER BY number LIMIT 1",
                    (now - settings.days * _DAY,)).fetchone()  # fmt: skip
        run("DELETE FROM records WHERE number < ?", young or (2**62,))
        run("DELETE FROM probes WHERE time < ?", (now - settings.days * _DAY,))
        for table in ("texts", "feedback"):
            # From the future, that is from before the clock was set back: its time begins now.
            run(f"UPDATE {table} SET time = ? WHERE time > ?", (now, now))
        old = (now - settings.text_days * _DAY,)
        run("DELETE FROM texts WHERE time < ?", old)
        run("UPDATE feedback SET correction = NULL, comment = NULL WHERE time < ? AND "
            "coalesce(correction, comment) IS NOT NULL", old)  # fmt: skip

    def shrink(self) -> None:
        """Delete the oldest records of a file that is too large, and give its room back."""
        run = self._base.execute
        size = run("PRAGMA page_size").fetchone()[0]
        most = self._settings.most_megabytes * _MEGABYTE // size - _LOG_PAGES
        pages = run("PRAGMA page_count").fetchone()[0]
        if pages <= most:
            return
        low, high = run("SELECT min(number), max(number) FROM records").fetchone()
        keep = _SPARED * most / pages * (high + 1 - low) if high else 0
        with self.transaction():
            run("DELETE FROM records WHERE number <= ?", ((high or 0) - int(keep),))
        # Pages are given back one by one, as they are asked for.
        run("PRAGMA incremental_vacuum").fetchall()
        run("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def put_aside(path: Path) -> Path:
    """Rename a torn store, so that a new one can be begun, and return its new name.

    Raises:
        OSError: it cannot be renamed.
    """
    number = 1
    while (aside := path.with_name(f"{path.name}.torn-{number}")).exists():
        number += 1
    for suffix in ("-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            Path(f"{path}{suffix}").replace(f"{aside}{suffix}")
    path.replace(aside)
    return aside


@contextlib.contextmanager
def _torn(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as error:
        # The lower byte tells the kind, what is above it how it was noticed.
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _TORN:
            raise TornError(f"{path} is torn: {error}") from error
        raise


def _stored(name: str, value: Any) -> Any:
    if name not in _JSON or value is None:
        return value
    return _json(dataclasses.asdict(value) if isinstance(value, Features) else value)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
