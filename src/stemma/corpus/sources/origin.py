"""What every kind of source gives to ingest: parts, each one entry of sources.json."""

import dataclasses
from collections.abc import Callable, Iterator

from stemma.corpus.documents import Document


@dataclasses.dataclass(frozen=True)
class Part:
    """A file, a package or a data set, and its documents as a stream to be read once.

    Attributes:
        name: what ``Document.source`` says.
        origin: where it is from, such as a path below the repository or a requirement for pip.
        version: release, revision, or empty where the sha256 alone tells versions apart.
        license: SPDX identifier or the words of the source.
        documents: read lazily, in an order that the content alone decides.
        sha256: gives the hexadecimal digest once ``documents`` is exhausted.
    """

    name: str
    origin: str
    version: str
    license: str
    documents: Iterator[Document]
    sha256: Callable[[], str]
