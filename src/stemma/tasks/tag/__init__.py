"""Give every word a tag: names of people and places, parts of speech."""

from typing import Literal

from stemma.config import settings
from stemma.corpus.lengths import Lengths

AUTO = "AutoModelForTokenClassification"


@settings
class Settings(Lengths):
    """How documents become examples."""

    name: Literal["tag"]
