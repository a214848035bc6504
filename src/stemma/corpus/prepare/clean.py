"""The first step of prepare: turn raw shards into cleaned texts, rows and fingerprints."""

import dataclasses
import hashlib
from collections import Counter
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from stemma.corpus.cleaning.document import Cleaned, clean_document
from stemma.corpus.cleaning.language import known_languages
from stemma.corpus.cleaning.preference import clean_preference
from stemma.corpus.cleaning.words import Hashes, shingles
from stemma.corpus.documents import Document, read_shard, rows_of
from stemma.corpus.duplicates.clusters import KEY_COLUMNS, Fingerprints, FingerprintStore
from stemma.corpus.duplicates.contradictions import given
from stemma.corpus.duplicates.minhash import SKETCH, sketches
from stemma.corpus.preferences import is_preference
from stemma.corpus.prepare.report import told
from stemma.corpus.revoked import Revoked
from stemma.corpus.settings import PrepareSection
from stemma.corpus.sharding.pool import Pool
from stemma.corpus.sharding.progress import ProgressBars
from stemma.corpus.sharding.shard import DROPPED, TEXTS, Placed, Shard
from stemma.corpus.split import PREFERENCE, SPLITS, side
from stemma.errors import DataError, SettingsError

ROWS = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("group", pa.string(), nullable=False),
        pa.field("sha256", pa.string(), nullable=False),
        pa.field("language", pa.string()),
        pa.field("bytes", pa.int64(), nullable=False),
        pa.field("reason", pa.string()),
        pa.field("sketch", pa.binary(SKETCH)),
    ]
)


@dataclasses.dataclass(frozen=True, slots=True)
class ShardTally:
    """What became of a shard's documents.

    Attributes:
        kept: fingerprints of the documents that cleaning kept.
        reasons: how many were dropped for each reason.
        personal: how often each kind of personal data was found.
    """

    kept: Fingerprints
    reasons: Counter[str]
    personal: Counter[str]


@dataclasses.dataclass(frozen=True)
class Corpus:
    """The cleaned shards.

    Attributes:
        shards: in order.
        ends: for each shard, how many documents cleaning kept up to its end.
        store: fingerprints of the kept documents.
        reasons: how many documents cleaning dropped for each reason.
        personal: how often each kind of personal data was found.
    """

    shards: list[Shard]
    ends: list[int]
    store: FingerprintStore
    reasons: Counter[str]
    personal: Counter[str]

    def place(self, sides: NDArray[np.int8]) -> list[Placed]:
        """Return each shard with its part of ``sides``."""
        return [
            Placed(shard, some) for shard, some in zip(self.shards, self.divide(sides), strict=True)
        ]

    def only(self, chosen: NDArray[np.bool_]) -> list[Placed]:
        """Return each shard with the sides of its chosen documents; the others are DROPPED."""
        return self.place(np.where(chosen, self.store.sides(), np.int8(DROPPED)))

    def divide(self, values: NDArray) -> list[NDArray]:
        """Split an array with one row per document by shard."""
        return np.split(values, self.ends[:-1])


def clean_shards(
    pool: Pool,
    shards: list[Shard],
    settings: PrepareSection,
    revoked: Revoked,
    progress: ProgressBars,
) -> Corpus:
    """Clean every shard.

    Raises:
        DataError: a shard is torn, or no document is left.
        SettingsError: a language is unknown.
    """
    _check_languages(settings)
    store = FingerprintStore(shards[0].work)
    kept, reasons, personal = [], Counter[str](), Counter[str]()
    tallies = pool.map(partial(_clean_shard, settings=settings, revoked=revoked), shards)
    for tally in progress(tallies, "clean"):
        store.append(tally.kept)
        kept.append(len(tally.kept.sides))
        reasons += tally.reasons
        personal += tally.personal
    if not sum(kept):
        raise DataError(
            f"no document of {shards[0].raw.parent} is left; {told(reasons)}",
            "change these settings of prepare; null switches a limit off",
        )
    return Corpus(shards, np.cumsum(kept).tolist(), store, reasons, personal)


def _clean_shard(shard: Shard, settings: PrepareSection, revoked: Revoked) -> ShardTally:
    """Clean one shard, drop what is revoked, and write its rows and texts."""
    keys, sides, inputs = [], [], []
    reasons, personal = Counter[str](), Counter[str]()
    with (
        pq.ParquetWriter(shard.rows, ROWS, compression="zstd") as rows,
        pq.ParquetWriter(shard.texts, TEXTS, compression="zstd", compression_level=1) as texts,
    ):
        for batch in read_shard(shard.raw):
            cleaned = [
                (document, _checked(document, _clean(document, settings), revoked))
                for document in batch
            ]
            stay = [pair for pair in cleaned if pair[1].reason is None]
            sketched = sketches([_shingles(made, settings.duplicates.shingle) for _, made in stay])
            rows.write_table(pa.Table.from_pylist(_rows(cleaned, sketched), ROWS))
            texts.write_table(pa.Table.from_pylist([_text(*pair) for pair in stay], TEXTS))
            keys += [made.sha256 + _hash_of(document.id) for document, made in stay]
            sides += [_side(document, made, settings) for document, made in stay]
            inputs += [given(made.sha256, made.parts) for _, made in stay]
            for _, made in cleaned:
                reasons.update([made.reason] if made.reason else [])
                personal.update(made.personal)
    kept = Fingerprints(
        _numbers(keys).reshape(-1, KEY_COLUMNS), np.array(sides, np.int8), _numbers(inputs)
    )
    return ShardTally(kept, reasons, personal)


def _clean(document: Document, settings: PrepareSection) -> Cleaned:
    clean = clean_preference if is_preference(document.parts) else clean_document
    return clean(document, settings)


def _numbers(parts: list[bytes]) -> NDArray[np.uint64]:
    return np.frombuffer(b"".join(parts), ">u8").astype(np.uint64)


def _checked(document: Document, made: Cleaned, revoked: Revoked) -> Cleaned:
    reason = revoked.reason(document.id, made.sha256.hex())
    return dataclasses.replace(made, reason=reason) if reason else made


def _rows(
    cleaned: list[tuple[Document, Cleaned]], sketched: NDArray[np.uint8]
) -> list[dict[str, object]]:
    next_sketch = iter(sketched)
    return [
        {
            "id": document.id,
            "source": document.source,
            "group": document.group,
            "sha256": made.sha256.hex(),
            "language": made.language,
            "bytes": len(made.text.encode()),
            "reason": made.reason,
            "sketch": None if made.reason else next(next_sketch).tobytes(),
        }
        for document, made in cleaned
    ]


def _text(document: Document, made: Cleaned) -> dict[str, object]:
    return {
        "id": document.id,
        "text": made.text,
        "label": document.label,
        "parts": rows_of(made.parts),
    }


def _shingles(made: Cleaned, n: int) -> Hashes:
    return shingles(made.words, n, int.from_bytes(made.sha256[:8], "big"))


def _side(document: Document, made: Cleaned, settings: PrepareSection) -> int:
    if is_preference(document.parts):
        return PREFERENCE
    split = settings.split
    # A document without a group is a unit by itself.
    key = (document.group if split.unit == "group" else "") or made.sha256.hex()
    return SPLITS.index(side(key, split.salt, split.validation, split.test))


def _hash_of(identifier: str) -> bytes:
    return hashlib.blake2b(identifier.encode(), digest_size=8).digest()


def _check_languages(settings: PrepareSection) -> None:
    allowed = settings.language.allowed
    if allowed is not None and (unknown := set(allowed) - known_languages()):
        raise SettingsError(
            f"prepare.language.allowed names '{min(unknown)}', which is no known language",
            "use ISO 639-1 codes, such as en",
        )
