"""data/raw and data/prepared as the stages leave them, of documents given in a test."""

import hashlib
import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from stemma.corpus.cleaning.words import shingles, words_of
from stemma.corpus.documents import Document, write_shards
from stemma.corpus.duplicates.minhash import sketches
from stemma.corpus.manifest import SCHEMA

SOURCE = {
    "name": "plays",
    "origin": "here",
    "version": "1",
    "sha256": "0" * 64,
    "license": "MIT",
    "documents": 0,
    "bytes": 0,
}


def row(name: str, text: str, **changes: Any) -> dict[str, Any]:
    """Return a row of the manifest: kept, in train."""
    key = hashlib.sha256(text.encode()).hexdigest()
    made = {
        "id": name,
        "source": "plays",
        "group": "",
        "sha256": key,
        "language": "en",
        "bytes": len(text.encode()),
        "split": "train",
        "tokens": len(text.split()) + 1,
        "reason": None,
        "cluster": key,
        "sketch": sketches([shingles(words_of(text), 5, 0)])[0].tobytes(),
    } | changes
    if made["reason"]:
        made |= {"split": None, "tokens": None}
    return made


def manifest(rows: Iterable[dict[str, Any]]) -> bytes:
    """Return the bytes of a manifest."""
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(list(rows), SCHEMA), sink)
    return sink.getvalue()


def write_manifest(root: Path, rows: Iterable[dict[str, Any]]) -> None:
    folder = root / "data/prepared"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "manifest.parquet").write_bytes(manifest(rows))


def write_raw(root: Path, texts: dict[str, str], *sources: dict[str, Any]) -> None:
    folder = root / "data/raw"
    folder.mkdir(parents=True, exist_ok=True)
    write_shards(folder, (Document(*one, "plays", "MIT") for one in texts.items()))
    (folder / "sources.json").write_text(json.dumps({"sources": list(sources) or [SOURCE]}))
