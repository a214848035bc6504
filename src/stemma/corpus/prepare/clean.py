"""The first map of prepare: one raw shard in, its cleaned texts, rows and fingerprints out."""

import dataclasses
import hashlib
from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from stemma.corpus.cleaning.language import identify
from stemma.corpus.cleaning.normalise import normalise
from stemma.corpus.cleaning.personal import treat
from stemma.corpus.cleaning.quality import Page, failed_limit
from stemma.corpus.cleaning.words import Hashes, Words, shingles, words_of
from stemma.corpus.documents import Document, Part, read_shard, rows_of
from stemma.corpus.duplicates.clusters import KEY_COLUMNS, Fingerprints
from stemma.corpus.duplicates.contradictions import given
from stemma.corpus.duplicates.minhash import SKETCH, sketches
from stemma.corpus.revoked import Revoked
from stemma.corpus.settings import PrepareSection
from stemma.corpus.sharding.shard import TEXTS, Shard
from stemma.corpus.split import SPLITS, side

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
class Cleaned:
    """A document after cleaning.

    Attributes:
        text: normalised and masked.
        words: of the text.
        sha256: of the normalised text, before masking: how personal data is treated moves no
            document to another side of the split.
        language: ISO 639-1 code, or None if not identified.
        personal: how often each kind of personal data was found.
        reason: why the document is dropped, named by the setting, or None.
        parts: each normalised and masked; their roles are as they were.
    """

    text: str
    words: Words
    sha256: bytes
    language: str | None = None
    personal: dict[str, int] = dataclasses.field(default_factory=dict)
    reason: str | None = None
    parts: tuple[Part, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class ShardTally:
    """What became of a shard's documents.

    Attributes:
        kept: fingerprints of the documents that are still in.
        reasons: how many were dropped for each reason.
        personal: how often each kind of personal data was found.
    """

    kept: Fingerprints
    reasons: Counter[str]
    personal: Counter[str]


def clean_shard(shard: Shard, settings: PrepareSection, revoked: Revoked) -> ShardTally:
    """Clean one shard and write its rows and texts; drop what is revoked."""
    keys, sides, inputs = [], [], []
    reasons, personal = Counter[str](), Counter[str]()
    with (
        pq.ParquetWriter(shard.rows, ROWS, compression="zstd") as rows,
        pq.ParquetWriter(shard.texts, TEXTS, compression="zstd", compression_level=1) as texts,
    ):
        for batch in read_shard(shard.raw):
            cleaned = [
                (document, _checked(document, clean(document, settings), revoked))
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


def _numbers(parts: list[bytes]) -> NDArray[np.uint64]:
    return np.frombuffer(b"".join(parts), ">u8").astype(np.uint64)


def _checked(document: Document, made: Cleaned, revoked: Revoked) -> Cleaned:
    reason = revoked.reason(document.id, made.sha256.hex())
    return dataclasses.replace(made, reason=reason) if reason else made


def clean(document: Document, settings: PrepareSection) -> Cleaned:
    """Clean a document and the parts that it is made of."""
    made = clean_text(document.text, settings)
    if made.reason or not document.parts:
        return made
    treated = [treat(normalise(part.text), settings.personal) for part in document.parts]
    parts = tuple(
        Part(part.role, text) for part, (text, _, _) in zip(document.parts, treated, strict=True)
    )
    # What stands across parts, such as a number in several words, can be masked in none of them.
    found = sum((Counter(counts) for _, counts, _ in treated), Counter[str]())
    reason = None if found == made.personal else "personal.across_parts"
    return dataclasses.replace(made, parts=parts, reason=reason)


def clean_text(text: str, settings: PrepareSection) -> Cleaned:
    """Normalise a text, hold it against the limits and treat its personal data."""
    text = normalise(text)
    words = words_of(text)
    made = Cleaned(text, words, hashlib.sha256(text.encode()).digest())
    if not text.strip():
        return dataclasses.replace(made, reason="empty")
    if limit := failed_limit(Page(text, words), settings.quality):
        return dataclasses.replace(made, reason=f"quality.{limit}")
    if settings.language.sample is not None:
        language, probability = identify(text, settings.language.sample)
        made = dataclasses.replace(made, language=language)
        allowed = settings.language.allowed
        if allowed is not None and language not in allowed:
            return dataclasses.replace(made, reason="language.allowed")
        if probability < settings.language.min_probability:
            return dataclasses.replace(made, reason="language.min_probability")
    masked, found, kind = treat(text, settings.personal)
    return dataclasses.replace(
        made,
        text=masked,
        words=words if masked == text else words_of(masked),
        personal=found,
        reason=f"personal.{kind}" if kind else None,
    )


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
    split = settings.split
    # A document of no group is a unit by itself.
    key = (document.group if split.unit == "group" else "") or made.sha256.hex()
    return SPLITS.index(side(key, split.salt, split.validation, split.test))


def _hash_of(identifier: str) -> bytes:
    return hashlib.blake2b(identifier.encode(), digest_size=8).digest()
