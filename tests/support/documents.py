"""Documents that each task can learn from, as a source gives them."""

from collections.abc import Callable

import numpy as np
from tiny import texts

from stemma.corpus.documents import Document, Part

# The tokenizer that is trained on them needs these tokens.
TOKENS = {"masked_lm": ["<|mask|>"], "chat": ["<|im_start|>", "<|im_end|>"]}
SHARED = ("the", "of", "and", "to", "be", "with", "have", "that")
OWN = {"comedies": ("jest", "laugh", "fool"), "tragedies": ("blood", "death", "grave")}
TAGGED = {"Romeo": "B-PER", "Montague": "I-PER", "Verona": "B-LOC"}
COUNT = 60


def plain() -> list[Document]:
    return [
        Document(f"doc-{number}", text, "source", "CC0-1.0")
        for number, text in enumerate(texts(0, COUNT))
    ]


def classified() -> list[Document]:
    random = np.random.default_rng(0)
    labels = [list(OWN)[number % 2] for number in range(COUNT)]
    made = [" ".join(random.choice([*SHARED, *OWN[label] * 2], 20)) for label in labels]
    return [
        Document(f"doc-{number}", text, "source", "CC0-1.0", label=label)
        for number, (label, text) in enumerate(zip(labels, made, strict=True))
    ]


def tagged() -> list[Document]:
    random = np.random.default_rng(0)
    made = []
    for number in range(COUNT):
        words = random.choice([*SHARED, "Romeo Montague", "Verona"], 16)
        words = " ".join(words).split()
        parts = tuple(Part(TAGGED.get(word, "O"), word) for word in words)
        made.append(Document(f"doc-{number}", " ".join(words), "s", "CC0-1.0", parts=parts))
    return made


def paired(first: str, second: str) -> list[Document]:
    random = np.random.default_rng(0)
    made = []
    for number in range(COUNT):
        pair = [" ".join(random.choice(SHARED, 5)) for _ in range(2)]
        parts = tuple(map(Part, (first, second), pair))
        made.append(Document(f"doc-{number}", "\n\n".join(pair), "s", "CC0-1.0", parts=parts))
    return made


DOCUMENTS: dict[str, Callable[[], list[Document]]] = {
    "causal_lm": plain,
    "masked_lm": plain,
    "chat": lambda: paired("user", "assistant"),
    "seq2seq": lambda: paired("source", "target"),
    "classify": classified,
    "tag": tagged,
}
