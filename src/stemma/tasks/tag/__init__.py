"""Give every word a tag: names of people and places, parts of speech."""

from typing import Annotated, Literal

from pydantic import Field

from stemma.config import settings

AUTO = "AutoModelForTokenClassification"


@settings
class Settings:
    """How documents become examples."""

    name: Literal["tag"]
    max_tokens: Annotated[int, Field(ge=2)]
    """Most tokens of a document, the one that begins it included."""
    too_long: Literal["drop", "truncate", "refuse"]
    """What happens to a document that has more."""
