"""Tasks: what a model is trained to do."""

from typing import Literal

from stemma.config import settings


@settings
class TaskSettings:
    """Continue text: predict every next token of packed documents."""

    name: Literal["causal_lm"]
