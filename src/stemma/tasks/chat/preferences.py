"""Answers to a conversation as tokens: what is preferred, and what is not."""

import dataclasses

import numpy as np

from stemma.corpus.documents import Part
from stemma.corpus.preferences import PREFIX, PROMPT, taken_apart
from stemma.corpus.task import IGNORED, Encoded, Example


def conversations(example: Example) -> list[Example]:
    """Return a preference as conversations, one per answer; a prompt that is a text is a user's."""
    prompt, completions = taken_apart(example.parts)
    said = [
        Part("user" if part.role == PROMPT else part.role.removeprefix(PREFIX), part.text)
        for part in prompt
    ]
    return [
        Example(example.id, text, parts=(*said, Part("assistant", text))) for _, text in completions
    ]


def only_last(encoded: Encoded) -> Encoded:
    """Return a conversation with labels on its last answer alone."""
    assert encoded.labels is not None
    learned = encoded.labels != IGNORED
    last = int(np.flatnonzero(learned)[-1])
    before = np.flatnonzero(~learned[:last])
    labels = encoded.labels.copy()
    labels[: int(before[-1]) + 1 if len(before) else 0] = IGNORED
    return dataclasses.replace(encoded, labels=labels)
