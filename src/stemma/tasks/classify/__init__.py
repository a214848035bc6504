"""Say which class a document belongs to: sentiment, topic, genre."""

from typing import Annotated, Literal

from pydantic import Field

from stemma.config import settings

AUTO = "AutoModelForSequenceClassification"


@settings
class Settings:
    """How documents become examples."""

    name: Literal["classify"]
    max_tokens: Annotated[int, Field(ge=2)]
    """Most tokens of a document, the one that begins it included."""
    too_long: Literal["drop", "truncate", "refuse"]
    """What happens to a document that has more."""
