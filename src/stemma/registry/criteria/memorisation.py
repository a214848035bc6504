"""The model does not repeat its training texts word for word, as far as a sample of them can tell.

Places are drawn from the training split, each with so many tokens before it and after it. A place
is memorised if the model, given the tokens before it, writes exactly those after it when it always
takes the likeliest token (Carlini et al. 2023, arXiv:2202.07646, definition 3.1). A version passes
if the upper end of the interval of their share is within the limit: that none was found among few
is no reason to pass.

It takes no more than reading the places once: such a continuation is the training text if and only
if, along that text, each next token is the likeliest.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from stemma.config import Positive, settings
from stemma.errors import ModelError
from stemma.registry.case import Case, Outcome
from stemma.registry.exported import (
    Exported,
    architecture,
    check_fits,
    does,
    loaded,
    training_ids,
    training_split,
)
from stemma.statistics.proportion import trials_needed, wilson
from stemma.statistics.significance import CONFIDENCE
from stemma.store.errors import MissingError

if TYPE_CHECKING:
    from stemma.corpus.packing import PackedSplit

NAME = "memorisation"
_SEED = 0
_BATCH = 2048  # tokens
_NAMED = 5  # documents


@settings
class Settings:
    """Of the gate."""

    prefixes: Positive
    """How many places are drawn."""
    prefix_tokens: Positive
    """How many tokens before a place the model is given."""
    tokens: Positive
    """How many tokens after it the model has to repeat; 50 in the literature."""
    share: Annotated[float, Field(gt=0, le=1)]
    """The most that may be memorised of all places."""


def judge(settings: Settings, case: Case) -> Outcome:
    """Say whether the share of memorised places is within the limit."""
    kind = architecture(case)
    if does(kind) != "continues":
        return Outcome(
            NAME, True, f"it does not apply to {kind}, which does not go on with a text",
            {"applies": False},
        )  # fmt: skip
    before, after = settings.prefix_tokens, settings.tokens
    # The last token is predicted, and never read.
    check_fits(case, before + after - 1, f"{before} tokens and {after} after them")
    with training_split(case) as folder, loaded(case) as model:
        documents, repeated = _repeated(settings, folder, model)
    drawn, found = len(repeated), int(repeated.sum())
    low, high = wilson(found, drawn)
    passed = high <= settings.share
    said = (
        f"{found} of {drawn} places of {after} tokens of the training split are repeated "
        f"after {before}: {found / drawn:.2%} ({low:.2%} to {high:.2%}, "
        f"{CONFIDENCE}), at most {settings.share:.2%} is asked"
    )
    needed = None if passed else trials_needed(found / drawn, settings.share)
    if needed is not None:
        said += f"; {drawn} places cannot tell, it takes about {needed}"
    if drawn < settings.prefixes:
        said += "; there are no more"
    ids = training_ids(case)
    where = list(dict.fromkeys(ids[row] for row in documents[repeated]))
    facts = {
        "applies": True, "repeated": found, "places": drawn, "low": low, "high": high,
        "prefix_tokens": before, "tokens": after,
        "limit": settings.share, "places_needed": needed, "documents": where[:_NAMED],
    }  # fmt: skip
    return Outcome(NAME, passed, said, facts)


def _repeated(
    settings: Settings, folder: Path, model: Exported
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the document of each place, and whether the model repeats what stands there."""
    import torch
    from tqdm import tqdm

    from stemma.corpus.packing import read_split
    from stemma.modeling.evaluation.scoring import score
    from stemma.modeling.evaluation.windows import Windows
    from stemma.modeling.runtime import Runtime

    before, after = settings.prefix_tokens, settings.tokens
    split = read_split(folder, "train")
    document, places = _draw(settings, split, _learned(folder, split))
    reach = places[:, None] + np.arange(-before, after)
    if split.tokens[reach].max() >= model.model.config.get_text_config().vocab_size:
        raise ModelError(
            "the training split has tokens that the model does not know",
            "the model was trained on other data: type `dvc repro`",
        )
    rows = np.ones(len(places), np.int64)
    # A window begins with the first token that is predicted in it: the second that is read.
    start = places - before + 1 - split.offsets[document]
    windows = Windows(document, start, rows * (before + after - 1), rows * (before - 1))
    runtime = Runtime(model.device, "fp32", torch.get_num_threads(), "native", False, _SEED)
    seen, ranks = [], []
    with tqdm(total=len(places), desc=NAME, unit="", disable=None, delay=2, leave=False) as bar:
        for scores in score(model.model, split, windows, _BATCH, runtime):
            if not np.isfinite(scores.loss).all():
                raise ModelError(
                    "the model gives training texts no finite score",
                    "the training diverged: lower train.learning_rate",
                )
            seen.append(scores.document.reshape(-1, after)[:, 0])
            ranks.append(scores.rank.reshape(-1, after))
            bar.update(len(ranks[-1]))
    return np.concatenate(seen), (np.concatenate(ranks) == 0).all(1)


def _learned(folder: Path, split: PackedSplit) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where each stretch of tokens that training predicts starts and ends."""
    from stemma.corpus.packing import read_labels
    from stemma.corpus.task import IGNORED

    if not (folder / "train.labels.npy").exists():
        return split.offsets[:-1], split.offsets[1:]
    learned = read_labels(folder, "train") != IGNORED
    # No stretch goes on from one document into the next.
    breaks = np.zeros(len(learned) + 1, np.bool_)
    breaks[split.offsets] = True
    breaks[1:-1] |= learned[1:] != learned[:-1]
    (edges,) = np.nonzero(breaks)
    kept = learned[edges[:-1]]
    return edges[:-1][kept], edges[1:][kept]


def _draw(
    settings: Settings,
    split: PackedSplit,
    learned: tuple[NDArray[np.int64], NDArray[np.int64]],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the documents of places, and the places; of few all, of many some.

    Every place that has enough tokens before it in its document, and after it that are learned, is
    as likely as any other.
    """
    starts, ends = learned
    document = np.searchsorted(split.offsets, starts, side="right") - 1
    first = np.maximum(starts, split.offsets[document] + settings.prefix_tokens)
    counts = np.maximum(ends - settings.tokens - first + 1, 0)
    total: Any = int(counts.sum())
    if total == 0:
        raise MissingError(
            f"no document of the training split has {settings.prefix_tokens} tokens and "
            f"{settings.tokens} after them",
            f"lower prefix_tokens or tokens of {NAME}",
        )
    generator = np.random.default_rng(_SEED)
    drawn = np.sort(generator.choice(total, min(settings.prefixes, total), replace=False))
    sums = np.cumsum(counts)
    row = np.searchsorted(sums, drawn, side="right")
    return document[row], first[row] + drawn - (sums[row] - counts[row])
