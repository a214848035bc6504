"""One request for text and its answers, from the first token to the last."""

from __future__ import annotations

import dataclasses
from typing import Any

from stemma.serving.engines.sampling import Chosen, Sampler
from stemma.serving.worker.grammar import Grammar
from stemma.serving.worker.writing import Writer, spelled


@dataclasses.dataclass
class Answer:
    """One of the ``n`` answers to a request.

    Attributes:
        request: its id.
        index: among the answers.
        left: how many tokens it may still have.
        sampler: chooses its tokens.
        writer: makes text of them.
        grammar: what it keeps to; None for anything.
        ends: the tokens that end it.
        tokens: how many it has.
    """

    request: int
    index: int
    left: int
    sampler: Sampler
    writer: Writer
    grammar: Grammar | None
    ends: frozenset[int]
    tokens: int = 0

    def take(self, chosen: Chosen, tokenizer: Any) -> dict[str, Any]:
        """Return what is told of a new token: ``text``, ``tokens``, ``logprobs``, ``finish``.

        Raises:
            SettingsError: its schema turns out to be more than can be followed.
        """
        if self.grammar:
            self.grammar.check()
        self.tokens += 1
        self.left -= 1
        told: dict[str, Any] = {"id": self.request, "index": self.index, "tokens": self.tokens}
        if chosen.token in self.ends:
            return told | {"text": self.writer.end(), "finish": "stop"}
        text = self.writer.add(chosen.token)
        if chosen.logprob is not None:
            told["logprobs"] = [_logprob(chosen, tokenizer)]
        if self.grammar:
            self.grammar.take(chosen.token)
        finish = None
        if self.writer.stopped or (self.grammar and self.grammar.over):
            finish = "stop"
        elif self.left <= 0:
            finish = "length"
        if finish:
            text += self.writer.end()
            finish = "stop" if self.writer.stopped else finish
        return told | {"text": text, "finish": finish}


def _logprob(chosen: Chosen, tokenizer: Any) -> dict[str, Any]:
    return {
        **spelled(tokenizer, chosen.token),
        "logprob": chosen.logprob,
        "top_logprobs": [
            {**spelled(tokenizer, token), "logprob": logprob} for token, logprob in chosen.likeliest
        ],
    }
