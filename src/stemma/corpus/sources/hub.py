"""A Hugging Face dataset, streamed at a pinned revision; or one saved below data/input."""

import hashlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from stemma import lfs
from stemma.corpus import inputs
from stemma.corpus.documents import Document
from stemma.corpus.sources.digest import digested
from stemma.corpus.sources.origin import Origin
from stemma.corpus.sources.rows import RowReader
from stemma.corpus.sources.settings import HubSettings
from stemma.errors import SettingsError, SourceError
from stemma.layout import INPUT


def parts(settings: HubSettings) -> Iterator[Origin]:
    """Yield one origin: the split of the dataset.

    The Hub gives no digest of a split, and with ``limit`` only its start is read; so the sha256
    runs over what was read (`stemma.corpus.sources.digest`).

    Raises:
        SourceError: `datasets` is not installed, the dataset cannot be reached or read, a column is
            missing or a row is no document.
        SettingsError: a dataset on the Hub has no revision, or a local one has.
    """
    local = _is_local(settings)
    digest = hashlib.sha256()
    reader = RowReader(
        settings.columns,
        settings.dataset,
        settings.license,
        settings.max_document_bytes,
        settings.ignored_keys,
    )
    yield Origin(
        name=settings.dataset,
        origin=settings.dataset if local else f"hf://datasets/{settings.dataset}",
        version=settings.revision or "",
        license=settings.license,
        documents=digested(_documents(settings, reader), digest),
        sha256=digest.hexdigest,
    )


def _is_local(settings: HubSettings) -> bool:
    local = Path(settings.dataset).is_relative_to(INPUT)
    if not local and settings.revision is None:
        raise SettingsError(
            f"source.revision is missing for {settings.dataset}",
            f"give the 40 digits of its commit on the Hub, or a folder below {INPUT}",
        )
    if local and settings.revision is not None:
        raise SettingsError(
            f"source.revision is set, but {settings.dataset} is a folder", "set it to null"
        )
    if local:
        _check(settings.dataset)
    return local


def _check(dataset: str) -> None:
    folder = inputs.below(dataset, "source.dataset", f"copy it below {INPUT}")
    for file in inputs.files(folder):
        lfs.refuse_file(file, SourceError)


def _documents(settings: HubSettings, reader: RowReader) -> Iterator[Document]:
    rows = itertools.islice(_rows(settings), settings.limit)
    for number, row in enumerate(rows, 1):
        where = f"{settings.dataset} ({settings.split}) row {number}"
        yield reader.read(row, number, where)


def _rows(settings: HubSettings) -> Iterator[Mapping[str, Any]]:
    load_dataset = _import_loader()
    number = 0
    try:
        for row in load_dataset(
            settings.dataset,
            settings.subset,
            split=settings.split,
            revision=settings.revision,
            streaming=True,
        ):
            number += 1
            yield row
    except MemoryError:
        raise
    # Each format, file system and HTTP library below `datasets` raises errors of its own.
    except Exception as error:
        said = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise SourceError(
            f"dataset {settings.dataset} ({settings.split}) fails after row {number}: {said}",
            "check the name, revision, subset, split and the network",
        ) from error


def _import_loader() -> Callable[..., Iterable[Mapping[str, Any]]]:
    try:
        from datasets import load_dataset
    except ImportError as error:
        raise SourceError(
            "a source of kind 'hub' needs the package `datasets`", "pip install 'stemma-lm[hub]'"
        ) from error
    return load_dataset
