"""A digest of the documents of an origin whose files are never read whole."""

import hashlib
from collections.abc import Iterable, Iterator

from stemma.corpus.documents import Document


def digested(documents: Iterable[Document], digest: "hashlib._Hash") -> Iterator[Document]:
    """Yield the documents, and feed the digest with what was read.

    Of each document in turn the id, the text, the label and the role and text of each part, every
    one as UTF-8 and followed by NUL.
    """
    for document in documents:
        # A lone surrogate is refused by name later on; it must not stop the digest here.
        parts = [text for part in document.parts for text in (part.role, part.text)]
        for text in (document.id, document.text, document.label, *parts):
            digest.update(text.encode("utf-8", "surrogatepass") + b"\0")
        yield document
