"""Score the tokens of a split with a model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from stemma.corpus.packing import PackedSplit
from stemma.errors import SettingsError
from stemma.modeling import processes
from stemma.modeling.evaluation.settings import EvaluateSection
from stemma.modeling.evaluation.token_scores import Scores
from stemma.modeling.evaluation.windows import Windows, batches, gather
from stemma.modeling.runtime import Runtime

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel


def context_of(section: EvaluateSection, model: PreTrainedModel, folder: Path) -> int:
    """Return how many tokens the model is to see at a time.

    Raises:
        SettingsError: that is more than it can see, or nothing says how many.
    """
    limit = getattr(model.config, "max_position_embeddings", None)
    context = section.context or limit
    if context is None:
        raise SettingsError(
            f"evaluate.context is null, and {folder} has no longest context",
            "set evaluate.context to the context it was trained with",
        )
    if limit is not None and context > limit:
        raise SettingsError(
            f"evaluate.context is {context}, but {folder} sees only {limit} tokens",
            f"use -S evaluate.context={limit} or null",
        )
    return context


def stride_of(section: EvaluateSection, context: int) -> int:
    """Return how many tokens after the start of a window the next one starts."""
    return max(1, round(context * section.stride))


def score(
    model: PreTrainedModel,
    split: PackedSplit,
    windows: Windows,
    batch_tokens: int,
    runtime: Runtime,
) -> Iterator[Scores]:
    """Yield the scores of every token of a split, a batch at a time.

    Args:
        model: on the runtime's device.
        split: what to predict.
        windows: how the split is cut.
        batch_tokens: most tokens of a batch, padding counted.
        runtime: device and precision.
    """
    import torch

    def scored(rows: NDArray[np.int64]) -> Scores:
        inputs, targets = gather(split, windows, rows)
        first, length = windows.first[rows], windows.length[rows]
        width, skip = inputs.shape[1], int(first.min())
        place = np.arange(skip, width)
        counts = (place >= first[:, None]) & (place < length[:, None])
        row, column = np.nonzero(counts)
        with torch.inference_mode(), runtime.autocast():
            # Padding stands at the end, where a causal model cannot see it: no mask is needed, and
            # without one the attention takes its fast path.
            ids = torch.from_numpy(inputs).to(runtime.device)
            logits = model(ids, use_cache=False, logits_to_keep=width - skip).logits
            loss, rank = loss_and_rank(
                logits[torch.from_numpy(counts).to(runtime.device)],
                torch.from_numpy(targets[:, skip:][counts]).to(runtime.device),
            )
        return Scores(
            windows.document[rows][row],
            windows.start[rows][row] + place[column],
            loss.cpu().numpy(),
            rank.cpu().numpy(),
        )

    return processes.share(batches(windows, batch_tokens), scored)


def loss_and_rank(logits: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the loss of tokens in nats, and their ranks, as `Scores` holds them.

    Args:
        logits: shape [tokens, vocabulary].
        targets: ids, int64 [tokens].
    """
    import torch

    logits = logits.float()
    chosen = logits.gather(1, targets[:, None])
    before = torch.arange(logits.shape[1], device=logits.device) < targets[:, None]
    rank = ((logits > chosen) | ((logits == chosen) & before)).sum(1)
    return logits.logsumexp(1) - chosen[:, 0], rank
