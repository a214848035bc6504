"""Samples of what the model does: greedy continuations, and the Markdown page of any samples."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def continue_greedily(
    model: PreTrainedModel, prompt: NDArray[np.integer], tokens: int, end: int
) -> list[int]:
    """Return a greedy continuation: the ids that the model holds for likeliest, one by one.

    Args:
        model: in evaluation mode.
        prompt: ids to continue, shape (tokens,), at least one.
        tokens: most ids to return.
        end: ends the continuation, and is not returned.
    """
    import torch

    ids = torch.tensor([prompt.tolist()], device=model.device)
    cache = None
    written: list[int] = []
    with torch.inference_mode():
        for _ in range(tokens):
            output = model(ids, past_key_values=cache, use_cache=True, logits_to_keep=1)
            cache = output.past_key_values
            ids = output.logits[:, -1].argmax(-1, keepdim=True)
            if ids.item() == end:
                break
            written.append(int(ids.item()))
    return written


def page(introduction: str, samples: Sequence[tuple[str, str]]) -> str:
    """Return Markdown that shows texts under headings.

    Args:
        introduction: what the samples are.
        samples: heading and text of each.
    """
    lines = ["# Samples", "", introduction]
    for heading, text in samples:
        # A fence must be longer than any run of backticks within it.
        fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
        title = " ".join(heading.split()) or "(no prompt)"
        lines += ["", f"## {title}", "", f"{fence}text", text, fence]
    return "\n".join(lines) + "\n"
