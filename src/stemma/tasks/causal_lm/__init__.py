"""Continue text: predict every next token of packed documents."""

from typing import Literal

from stemma.config import settings

AUTO = "AutoModelForCausalLM"


@settings
class Settings:
    """The name alone: everything else is set for the model, training or evaluation."""

    name: Literal["causal_lm"]

    @property
    def max_tokens(self) -> None:
        """Return None: train.sequence_length says how long an example is."""
        return
