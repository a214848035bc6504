"""What every kind of source gives to ingest: origins, each an entry of sources.json."""

import dataclasses
from collections.abc import Callable, Iterator

from stemma.corpus.documents import Document


@dataclasses.dataclass(frozen=True)
class Origin:
    """A file, a package or a data set, and its documents as a stream to be read once.

    Attributes:
        name: the ``source`` of its documents.
        origin: where it comes from: a path below the repository, a requirement for pip, an address.
        version: release or revision; empty if only the sha256 tells versions apart.
        license: SPDX identifier, or the words of the source.
        documents: read lazily, in an order that only the content decides.
        sha256: returns the hexadecimal digest once ``documents`` is exhausted.
    """

    name: str
    origin: str
    version: str
    license: str
    documents: Iterator[Document]
    sha256: Callable[[], str]
