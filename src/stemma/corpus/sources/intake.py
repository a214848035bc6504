"""The only way into data/raw: check every document, and record every origin."""

import hashlib
from collections.abc import Iterable, Iterator

from tqdm import tqdm

from stemma.corpus.documents import Document
from stemma.corpus.sources.origin import Origin
from stemma.errors import SourceError


class Intake:
    """The documents of all origins, in order, to be read once.

    Args:
        parts: origins, read one after the other.

    Attributes:
        entries: of sources.json, one per origin that has been read to its end.
    """

    def __init__(self, parts: Iterable[Origin]) -> None:
        self.entries: list[dict[str, str | int]] = []
        self._parts = parts
        self._ids: set[bytes] = set()

    def __iter__(self) -> Iterator[Document]:
        """Yield the documents.

        Raises:
            SourceError: there is no document, an id comes twice, or a text holds NUL or half a
            character.
        """
        with tqdm(desc="ingest", unit=" documents", disable=None) as bar:
            for part in self._parts:
                yield from self._read(part, bar)
        if not self._ids:
            names = ", ".join(str(entry["origin"]) for entry in self.entries) or "it names nothing"
            raise SourceError(f"the source holds no document ({names})", "check conf/source")

    def _read(self, part: Origin, bar: tqdm) -> Iterator[Document]:
        count = size = 0
        for document in part.documents:
            size += self._check(document, part.origin)
            count += 1
            bar.update()
            yield document
        self.entries.append(
            {
                "name": part.name,
                "origin": part.origin,
                "version": part.version,
                "sha256": part.sha256(),
                "license": part.license,
                "documents": count,
                "bytes": size,
            }
        )

    def _check(self, document: Document, origin: str) -> int:
        where = f"{origin}: document {document.id!r}"
        content = _encode(document.text, where)
        for name in ("id", "group", "source", "label"):
            _encode(getattr(document, name), f"{where}: its {name}")
        for part in document.parts:
            _encode(part.role, f"{where}: the role or tag of a part")
        nul = content.find(b"\0")
        if nul >= 0:
            raise SourceError(
                f"{where} holds a NUL byte at offset {nul}",
                "it is no text, or UTF-16; convert or remove it",
            )
        # Eight bytes for an id of any length; among ten million, two collide once in 400,000 runs.
        key = hashlib.blake2b(document.id.encode(), digest_size=8).digest()
        if key in self._ids:
            raise SourceError(
                f"{where}: this id has come before", "ids are unique; set source.columns.id"
            )
        self._ids.add(key)
        return len(content)


def _encode(text: str, where: str) -> bytes:
    # A file name that is not UTF-8 comes as such halves too.
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise SourceError(
            f"{where} holds half a surrogate pair at character {error.start}",
            "mend, rename or remove it",
        ) from error
