"""Turn one text into another: read the source, write the target (Sutskever et al. 2014)."""

from typing import Literal

from stemma.config import settings
from stemma.corpus.lengths import Lengths

AUTO = "AutoModelForSeq2SeqLM"


@settings
class Settings(Lengths):
    """How long a source and a target may be, each by itself."""

    name: Literal["seq2seq"]
