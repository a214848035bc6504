"""Turn one text into another: read the source, write the target (Sutskever et al. 2014)."""

from typing import Annotated, Literal

from pydantic import Field

from stemma.config import settings

AUTO = "AutoModelForSeq2SeqLM"


@settings
class Settings:
    """How long a source and a target may be."""

    name: Literal["seq2seq"]
    max_tokens: Annotated[int, Field(ge=2)]
    too_long: Literal["drop", "truncate", "refuse"]
