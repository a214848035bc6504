"""Conversations of the test split up to a user's turn, read back from their tokens."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from stemma.corpus.documents import Part
from stemma.corpus.task import IGNORED
from stemma.corpus.tokenizer.encoder import open_reference
from stemma.errors import DataError
from stemma.modeling.evaluation.reference import Request
from stemma.modeling.examples.documents import Documents
from stemma.tasks.chat.encoding import ChatTemplate

_MARK = "qzx"  # stands for a message, where a template is asked what it puts around one


def conversations(
    documents: Documents, template: ChatTemplate, folder: Path, most: int, context: int, seed: int
) -> list[Request]:
    """Return requests: each document up to one of its answers, then up to the others.

    A conversation is left out if its tokens do not tell what was said, as with a template that
    changes messages.

    Args:
        documents: the test split, with its labels.
        template: lays a conversation out.
        folder: of the model, with its tokenizer.
        most: requests.
        context: tokens that the model sees.
        seed: of the order.
    """
    reader = _Reader(template, folder)
    turns = _turns(documents, np.random.default_rng(seed))
    asked = (documents.split.tokens[start:end].tolist() for start, end in turns)
    found = ((reader.read(ids), ids) for ids in asked if len(ids) < context)
    return list(islice((Request(said, ids) for said, ids in found if said), most))


def _turns(documents: Documents, random: Generator) -> Iterator[tuple[int, int]]:
    """Yield where a conversation begins, and where one of its answers does."""
    others: list[tuple[int, int]] = []
    for document in random.permutation(len(documents)).tolist():
        start, end = documents.split.offsets[document : document + 2].tolist()
        places = [start + one for one in _answers(documents.labels[start:end])]
        drawn = [(start, places[one]) for one in random.permutation(len(places)).tolist()]
        yield from drawn[:1]
        others += drawn[1:]
    yield from (others[one] for one in random.permutation(len(others)).tolist())


def _answers(labels: NDArray[np.int32]) -> list[int]:
    learned = np.concatenate([[False], labels != IGNORED])
    return np.flatnonzero(learned[1:] & ~learned[:-1]).tolist()


class _Reader:
    """Tells from tokens what was said, by what a template puts around messages."""

    def __init__(self, template: ChatTemplate, folder: Path) -> None:
        self._template, self._tokenizer = template, open_reference(folder)
        one, many = self._around("user"), self._around("user", "assistant", "user")
        with_system = self._around("system", "user")
        # Before the first message, between two, and behind the last.
        self._between = {"user": many[1], "assistant": many[2]} if many else {}
        self._begins = [(one[0], "user")] if one else []
        self._behind = one[-1] if one else ""
        if with_system:
            self._begins.append((with_system[0], "system"))
            self._between["system"] = with_system[1]

    def read(self, ids: list[int]) -> list[dict[str, str]] | None:
        """Return the messages of a conversation that ends before an answer; None if they differ."""
        text = self._tokenizer.decode(ids, skip_special_tokens=False)
        for before, role in self._begins:
            if text.startswith(before) and text.endswith(self._behind):
                said = self._split(text[len(before) : len(text) - len(self._behind)], role)
                if self._is(said, ids):
                    return [{"role": part.role, "content": part.text} for part in said]
        return None

    def _split(self, text: str, role: str) -> list[Part]:
        said = []
        while True:
            content, found, text = text.partition(self._between.get(role) or _MARK)
            said.append(Part(role, content))
            if not found:
                return said
            role = "assistant" if role == "user" else "user"

    def _is(self, said: list[Part], ids: list[int]) -> bool:
        try:
            return self._template.prompt(said).tolist() == ids
        except DataError:
            return False

    def _around(self, *roles: str) -> list[str]:
        """Return what stands around messages of these roles; nothing if they are not allowed."""
        try:
            ids = self._template.prompt([Part(role, _MARK) for role in roles]).tolist()
        except DataError:
            return []
        parts = self._tokenizer.decode(ids, skip_special_tokens=False).split(_MARK)
        return parts if len(parts) == len(roles) + 1 else []
