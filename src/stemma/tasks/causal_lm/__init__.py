"""Continue text: predict every next token of packed documents."""

from typing import Literal

from stemma.config import settings

AUTO = "AutoModelForCausalLM"


@settings
class Settings:
    """Nothing to set: all that can be is of the model, of training or of evaluation."""

    name: Literal["causal_lm"]
