"""A manifest of documents: hashes, sizes and sketches of the texts, and not the texts."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from stemma.corpus.manifest import SCHEMA
from stemma.corpus.sketch import sha256_of_text, sketch_of
from stemma.corpus.split import SPLITS
from stemma.errors import DataError
from stemma.files import atomic_file
from stemma.report.naming import numbered

_ROWS = 1024  # in memory at once


def manifest(
    folder: str | Path,
    splits: Mapping[str, Iterable[Any]],
    *,
    text: str | Callable[[Any], str] = "text",
    id: str = "id",
    source: str = "source",
    tokens: Callable[[str], int] | None = None,
) -> None:
    """Write ``manifest.parquet``, by which `stemma trace` and `stemma diff` know the documents.

    The file is the same, byte for byte, for the same documents in the same order; it is written
    atomically, some rows at a time.

    Args:
        folder: where it is written; dvc.yaml declares it as an artifact of type ``dataset`` with
            the label ``prepared``.
        splits: the documents of ``train``, ``validation`` and ``test``: texts, or mappings.
        text: the key of a document's text, or what makes the text of a document.
        id: the key of its id. Documents without one have the first digits of their text's hash.
        source: the key of where it is from; "documents" where it has none.
        tokens: counts the tokens of a text.

    Raises:
        DataError: a split has another name, a document has no text, or two have one id.
    """
    path = Path(folder) / "manifest.parquet"
    if unknown := set(splits) - set(SPLITS):
        raise DataError(f"{path}: '{min(unknown)}' is no split", f"they are {', '.join(SPLITS)}")
    rows = _rows(path, splits, text, id, source, tokens)
    with atomic_file(path) as handle, pq.ParquetWriter(handle, SCHEMA, compression="zstd") as file:
        while some := list(islice(rows, _ROWS)):
            file.write_table(pa.Table.from_pylist(some, SCHEMA))


def _rows(
    path: Path,
    splits: Mapping[str, Iterable[Any]],
    text: str | Callable[[Any], str],
    id: str,
    source: str,
    tokens: Callable[[str], int] | None,
) -> Iterator[dict[str, Any]]:
    taken: dict[str, int] = {}
    for split, documents in splits.items():
        for place, document in enumerate(documents):
            words = _text(path, split, place, document, text)
            sha256 = sha256_of_text(words)
            keys = document if isinstance(document, Mapping) else {}
            name = str(keys[id]) if id in keys else numbered(sha256, taken)
            if id in keys and name in taken:
                raise DataError(f"{path}: two documents have the id '{name}'", "each has its own")
            taken.setdefault(name, 1)
            yield {
                "id": name, "source": str(keys.get(source, "documents")), "group": name,
                "sha256": sha256, "language": None, "bytes": len(words.encode()), "split": split,
                "tokens": tokens(words) if tokens else None, "reason": None, "cluster": sha256,
                "sketch": sketch_of(words),
            }  # fmt: skip


def _text(
    path: Path, split: str, place: int, document: Any, text: str | Callable[[Any], str]
) -> str:
    if callable(text):
        found = text(document)
    else:
        found = document.get(text) if isinstance(document, Mapping) else document
    if not isinstance(found, str):
        raise DataError(
            f"{path}: document {place} of {split} has no text",
            "text=… names its key, or is a function of the document",
        )
    return found
