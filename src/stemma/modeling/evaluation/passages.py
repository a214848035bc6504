"""Beginnings of passages of the test split: what people would let a model continue."""

from __future__ import annotations

import bisect
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.random import Generator

from stemma.corpus.tokenizer.encoder import Encoder, open_reference
from stemma.modeling.evaluation.heldout import HeldOut
from stemma.modeling.evaluation.reference import Request
from stemma.modeling.evaluation.restoring import Restorer
from stemma.modeling.evaluation.settings import ReferenceSection


def passages(
    test: HeldOut, folder: Path, encoder: Encoder, section: ReferenceSection, context: int,
    seed: int,
) -> list[Request]:  # fmt: skip
    """Return requests that begin where lines of test documents do, in an order drawn by chance.

    Their lengths are drawn uniformly. Where there are fewer documents than requests, a document
    gives several, spread over it.

    Args:
        test: the test split, texts with an end-of-text token each.
        folder: of the model, with its tokenizer.
        encoder: its tokenizer.
        section: settings.
        context: tokens that the model sees; a prompt takes no more than half of them.
        seed: of the drawing.
    """
    random = np.random.default_rng(seed)
    shortest, longest = (max(1, min(one, context // 2)) for one in section.prompt_tokens)
    documents = len(test.ids)
    shares = np.bincount(np.arange(section.requests) % documents, minlength=documents)
    order = random.permutation(documents)
    tokenizer, restorer = open_reference(folder), Restorer(folder)
    texts: dict[str, None] = {}
    for document, share in zip(order.tolist(), shares.tolist(), strict=True):
        if share:
            place = slice(*test.split.offsets[document : document + 2])
            # Less the token that ends it.
            text = restorer.spell(test.split.tokens[place][:-1].tolist())
            lengths = random.integers(shortest, longest + 1, share).tolist()
            ends = tokenizer.encode(text, add_special_tokens=False).offsets
            texts |= dict.fromkeys(_beginnings(text, ends, lengths, random))
    found = [*texts]
    return [
        Request(found[one], tokenizer.encode(found[one]).ids or [encoder.end_of_text])
        for one in random.permutation(len(found)).tolist()
    ]


def _beginnings(
    text: str, tokens: list[tuple[int, int]], lengths: list[int], random: Generator
) -> Iterator[str]:
    """Yield a passage of each length.

    Args:
        text: a document.
        tokens: where each of its tokens begins and ends.
        lengths: in tokens.
        random: draws where they begin.
    """
    lines = [0, *(place + 1 for place, one in enumerate(text) if one == "\n")]
    lines = [place for place in lines if not text[place : place + 1].isspace()]
    begin = [start for start, _ in tokens]
    first = {place: bisect.bisect_left(begin, place) for place in lines}
    for number, length in enumerate(lengths):
        whole = [place for place in lines if first[place] + length <= len(tokens)] or lines[:1]
        if not whole or not tokens:
            continue
        start = whole[int((number + random.random()) / len(lengths) * len(whole))]
        end = tokens[min(first[start] + length, len(tokens)) - 1][1]
        if text[start:end].strip():
            yield text[start:end]
