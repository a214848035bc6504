"""Continuations of a prompt as tokens: what is preferred, and what is not."""

import numpy as np

from stemma.corpus.preferences import PROMPT, taken_apart
from stemma.corpus.task import IGNORED, Encoded, Example
from stemma.corpus.tokenizer.encoder import Encoder
from stemma.errors import DataError


def encode(example: Example, encoder: Encoder) -> list[Encoded]:
    """Return the prompt with each continuation, whose tokens alone have labels.

    The prompt begins as a document does, after an end-of-text token. Where a continuation ends the
    document need not, so none follows it.

    Raises:
        DataError: the prompt is a conversation.
    """
    prompt, completions = taken_apart(example.parts)
    if [part.role for part in prompt] != [PROMPT]:
        raise DataError(
            f"document '{example.id}' is a preference whose prompt has messages",
            "use -S task=chat, or make the prompt a text",
        )
    start, *ends = encoder.encode_batch([prompt[0].text, *(text for _, text in completions)])
    before = np.concatenate([np.array([encoder.end_of_text]), start]).astype(np.int64)
    return [
        Encoded(
            np.concatenate([before, end]).astype(np.int64),
            np.concatenate([np.full(len(before), IGNORED), end]).astype(np.int32),
        )
        for end in ends
    ]
