"""The columns of manifest.parquet: a row for every raw document, which says what became of it."""

import pyarrow as pa

from stemma.corpus.duplicates.minhash import SKETCH

SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("group", pa.string(), nullable=False),
        pa.field("sha256", pa.string(), nullable=False),  # of the normalised text
        pa.field("language", pa.string()),  # ISO 639-1; null if not identified
        pa.field("bytes", pa.int64(), nullable=False),  # UTF-8, after masking
        pa.field("split", pa.string()),  # null if dropped
        pa.field("tokens", pa.int64()),  # including the end of text; null if dropped
        pa.field("reason", pa.string()),  # why it was dropped; null if kept
        pa.field("cluster", pa.string()),  # sha256 of the representative of its duplicates
        pa.field("sketch", pa.binary(SKETCH)),  # of the shingles; null if cleaning dropped it
    ]
)
