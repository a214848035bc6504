"""Markdown below data/input, cut at its headings: a document each."""

import hashlib
import re
from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from stemma.config import settings
from stemma.corpus.documents import Document
from stemma.corpus.sources.origin import Origin
from stemma.errors import SourceError
from stemma.layout import INPUT


@settings
class Settings:
    """What conf/source/headings.yaml sets."""

    name: str
    kind: str
    level: Annotated[int, Field(ge=1, le=6)]
    """The deepest heading that begins a document."""
    license: str


def parts(settings: Settings) -> Iterator[Origin]:
    """Yield an origin per file, in the order of their paths."""
    files = sorted(path for path in INPUT.rglob("*.md") if path.name != "README.md")
    if not files:
        raise SourceError(f"no Markdown below {INPUT}", "put some there")
    for path in files:
        content = path.read_bytes()
        name = path.relative_to(INPUT).as_posix()
        yield Origin(
            name=name,
            origin=path.as_posix(),
            version="",
            license=settings.license,
            documents=_documents(name, content.decode("utf-8"), settings),
            sha256=hashlib.sha256(content).hexdigest,
        )


def _documents(name: str, text: str, settings: Settings) -> Iterator[Document]:
    pieces = re.split(rf"^(?=#{{1,{settings.level}}} )", text, flags=re.MULTILINE)
    for number, piece in enumerate(filter(str.strip, pieces), 1):
        yield Document(f"{name}#{number}", piece, name, settings.license, group=name)
