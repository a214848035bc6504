"""Say which class a document belongs to: sentiment, topic, genre."""

from typing import Literal

from stemma.config import settings
from stemma.corpus.lengths import Lengths

AUTO = "AutoModelForSequenceClassification"


@settings
class Settings(Lengths):
    """How documents become examples."""

    name: Literal["classify"]
