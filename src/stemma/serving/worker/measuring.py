"""What the model says of a prompt, as `evaluate` took it of those of the test split."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stemma.errors import ModelError
from stemma.modeling.prompts import MOST, told
from stemma.serving.engines.engine import Engine
from stemma.serving.worker.prompts import Prompts

if TYPE_CHECKING:
    import torch


def measured(
    engine: Engine, prompts: Prompts, prompt: Any, common: NDArray[np.bool_] | None
) -> dict[str, Any]:
    """Return what the model says of a prompt; None of what the engine cannot tell.

    Args:
        engine: computes it, in one pass.
        prompts: its tokenizer.
        prompt: a text, tokens, or a conversation.
        common: whether a token is no rare one; None if that is not known.

    Raises:
        SettingsError: the model does not know such a prompt.
        ModelError: its scores are no numbers.
    """
    ids = prompts.ids(prompt)
    logprobs, states = engine.foresee(ids[: min(MOST, engine.context or MOST)])
    for found in (logprobs, states):
        if found is not None and not found.isfinite().all():
            raise ModelError("the model's scores are no numbers", "`stemma show` tells what it is")
    return told(ids, _array(logprobs), _array(states), common, prompts.unknown)


def _array(found: torch.Tensor | None) -> NDArray[np.floating] | None:
    return None if found is None else found.numpy()
