"""Answer in a conversation: predict the answers' tokens, having read what was said before."""

from typing import Literal

from stemma.config import settings
from stemma.corpus.lengths import Lengths

AUTO = "AutoModelForCausalLM"


@settings
class Settings(Lengths):
    """How long a conversation may be."""

    name: Literal["chat"]
