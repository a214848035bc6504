"""What each kind of model is for, in the words of the card."""

import dataclasses
from typing import Literal

Frame = Literal["before", "after"]


@dataclasses.dataclass(frozen=True)
class IntendedUse:
    """What a kind of model is for, and how texts are put to it.

    Attributes:
        auto: transformers' Auto class that loads the model.
        pipeline: name of the task on the Hugging Face Hub.
        tag: of the card.
        what: begins the card's summary.
        baselines: what the model was measured beside.
        limits: what to expect of the model and what not, a sentence each.
        put: how to put a text to the model.
        frame: on which side of every text training put the end-of-text token, so that the tokenizer
            puts it there too; None if the model reads texts without one.
    """

    auto: str
    pipeline: str
    tag: str
    what: str
    baselines: str
    limits: tuple[str, ...]
    put: str = (
        "Every document that it has read follows an end-of-text token: put `tokenizer.eos_token` "
        "before a\ntext that begins one."
    )
    frame: Frame | None = None


_NGRAMS = (
    "The n-gram models counted the\n"
    "same training tokens (interpolated modified Kneser-Ney). Between tokenizers only bits per\n"
    "byte compare."
)
_FRAMED = "The tokenizer puts the end-of-text token before a text, as in training."
_WRITER = IntendedUse(
    "AutoModelForCausalLM",
    "text-generation",
    "causal-lm",
    "A causal language model",
    _NGRAMS,
    (
        "For research and teaching: it continues text in the manner of its data.",
        "It follows no instructions and knows no facts: what it writes may be wrong or offensive.",
        "It may repeat passages of its training data word for word.",
    ),
)
# By the name of the task, or the end of the architecture's name in config.json.
_USES = {
    "chat": IntendedUse(
        "AutoModelForCausalLM",
        "text-generation",
        "conversational",
        "A chat model",
        f"The metrics are of the answers alone. {_NGRAMS}",
        (
            "It knows no facts: what it answers may be wrong or offensive.",
            "It may repeat answers of its training data word for word.",
        ),
        "Put a conversation through\n"
        "`tokenizer.apply_chat_template(messages, add_generation_prompt=True)`.",
    ),
    "ForSequenceClassification": IntendedUse(
        "AutoModelForSequenceClassification",
        "text-classification",
        "text-classification",
        "A classifier of documents",
        "The baseline gives every document the class that is most\nfrequent in training.",
        ("It gives every text one of its classes, also a text that belongs to none of them.",),
        _FRAMED,
        "before",
    ),
    "ForMaskedLM": IntendedUse(
        "AutoModelForMaskedLM",
        "fill-mask",
        "masked-lm",
        "A masked language model",
        "The unigram gives every\ntoken its share of the training tokens.",
        ("For research and teaching: it fills gaps in the manner of its data.",),
    ),
    "ForConditionalGeneration": IntendedUse(
        "AutoModelForSeq2SeqLM",
        "text2text-generation",
        "seq2seq",
        "A model that turns one text into another",
        "The metrics are of the targets alone. The baseline\ncopies the source.",
        ("It knows no facts: what it writes may be wrong or offensive.",),
        "The tokenizer puts the end-of-text token after a source, as in training; what it writes "
        "ends with one.",
        "after",
    ),
    "ForTokenClassification": IntendedUse(
        "AutoModelForTokenClassification",
        "token-classification",
        "token-classification",
        "A tagger of words",
        "The baseline gives every word the tag that is most\nfrequent in training.",
        ("It knows no tags but those of its training data.",),
        f"{_FRAMED} Put one space between words.\nThe tag of a word stands at its last token.",
        "before",
    ),
}


def use_of(task: str, architecture: str) -> IntendedUse:
    """Return what a model is for, given its task and its class in transformers."""
    found = (use for end, use in _USES.items() if task == end or architecture.endswith(end))
    return next(found, _WRITER)
