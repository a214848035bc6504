"""How a model is measured, as settings; and what a task answers: metrics and tables."""

import dataclasses
from typing import Annotated, Any

from pydantic import Field

from stemma.config import Positive, settings

Table = dict[str, dict[str, float]]


@settings
class EvaluateSection:
    """How a model is measured."""

    name: str
    context: Positive | None
    """Tokens that a window holds; None for as many as the model sees."""
    stride: Annotated[float, Field(gt=0, le=1)]
    """How far a window starts after the one before it, as a share of the context."""
    batch_tokens: Positive
    """Most tokens of a batch, padding counted."""
    resamples: Positive
    """How often the bootstrap draws documents for the intervals."""
    baseline_tokens: Positive
    """Most training tokens that the n-gram models count."""
    prompts: tuple[str, ...]
    """What the samples begin with."""
    sample_tokens: Positive
    """Most tokens added to a prompt."""


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """What a task measured of a model.

    Attributes:
        table: metrics by model: ``model`` is ours, the others are baselines. Each metric comes with
            the ends of its 95 % interval, if there are enough examples for one.
        counts: how much was measured, such as documents, tokens, bytes.
        examples: columns by name, of one length, with one row per example; ``id`` is among them.
        samples: Markdown with examples of what the model does.
        plots: rows by file name, the header first; `stemma.modeling.evaluation.results` knows the
            names.
        windows: of a task that reads documents in windows, their ``context`` and ``stride`` in
            tokens. If its loss is the length of a code, also ``start``, the id that stands before a
            document, and ``rolling_bits_per_byte``, the value that lm-evaluation-harness finds.
    """

    table: Table
    counts: dict[str, int]
    examples: dict[str, Any]
    samples: str
    plots: dict[str, list[list[Any]]]
    windows: dict[str, float] | None = None
