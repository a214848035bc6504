"""Answer in a conversation: predict the answers' tokens, having read what was said before."""

from typing import Annotated, Literal

from pydantic import Field

from stemma.config import settings

AUTO = "AutoModelForCausalLM"


@settings
class Settings:
    """How long a conversation may be."""

    name: Literal["chat"]
    max_tokens: Annotated[int, Field(ge=2)]
    too_long: Literal["drop", "truncate", "refuse"]
