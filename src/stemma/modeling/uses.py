"""What the kinds of models are for, as the card tells it."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Use:
    """What a kind of model is for."""

    auto: str
    pipeline: str
    tag: str
    what: str
    baselines: str
    limits: tuple[str, ...]


_WRITER = Use(
    "AutoModelForCausalLM",
    "text-generation",
    "causal-lm",
    "A causal language model",
    "The baselines are n-gram models with interpolated modified\n"
    "Kneser-Ney smoothing, which counted the same training tokens. Between tokenizers only\n"
    "bits per byte compare.",
    (
        "For research and teaching: it continues text in the manner of its data.",
        "It follows no instructions and knows no facts: what it writes may be wrong or offensive.",
        "It may repeat passages of its training data word for word.",
    ),
)
# By the end of the architecture's name in config.json.
_USES = {
    "ForSequenceClassification": Use(
        "AutoModelForSequenceClassification",
        "text-classification",
        "text-classification",
        "A classifier of documents",
        "The baseline gives every document the class that is most\nfrequent in training.",
        ("It gives every text one of its classes, also a text that belongs to none of them.",),
    ),
    "ForMaskedLM": Use(
        "AutoModelForMaskedLM",
        "fill-mask",
        "masked-lm",
        "A masked language model",
        "The baseline gives every\ntoken its share of the training tokens.",
        ("For research and teaching: it fills gaps in the manner of its data.",),
    ),
    "ForConditionalGeneration": Use(
        "AutoModelForSeq2SeqLM",
        "text2text-generation",
        "seq2seq",
        "A model that turns one text into another",
        "The baseline\ncopies the source.",
        ("It knows no facts: what it writes may be wrong or offensive.",),
    ),
    "ForTokenClassification": Use(
        "AutoModelForTokenClassification",
        "token-classification",
        "token-classification",
        "A tagger of words",
        "The baseline gives every word the tag that is most\nfrequent in training.",
        ("It knows no tags but those of its training data.",),
    ),
}


def use_of(architecture: str) -> Use:
    """Return what a model with such a class of transformers is for."""
    return next((use for end, use in _USES.items() if architecture.endswith(end)), _WRITER)
