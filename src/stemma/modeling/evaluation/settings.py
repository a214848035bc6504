"""What evaluate asks of a task, and what a task answers: settings in, figures and tables out."""

import dataclasses
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from stemma.config import Positive, settings
from stemma.modeling.metrics.names import ENDS, names_of

Table = dict[str, dict[str, float]]


@settings
class EvaluateSection:
    """How a model is measured."""

    name: str
    context: Positive | None
    """Tokens that a window holds; None for as many as the model sees."""
    stride: Annotated[float, Field(gt=0, le=1)]
    """Share of the context by which one window lies behind the other."""
    batch_tokens: Positive
    """Most tokens of a batch, padding counted."""
    resamples: Positive
    """Of the bootstrap behind the intervals."""
    baseline_tokens: Positive
    """Most training tokens that the n-gram models count."""
    prompts: tuple[str, ...]
    """What the samples begin with."""
    sample_tokens: Positive
    """Most tokens added to a prompt."""


@dataclasses.dataclass(frozen=True)
class Measured:
    """What a task found out about a model.

    Attributes:
        table: figures with the ends of their 95 % intervals, where there are enough examples for
            one, by model: ``model`` is ours, the others are baselines.
        counts: how much was measured, such as documents, tokens, bytes.
        examples: one row per example: its columns by name, of one length; ``id`` among them.
        samples: Markdown with examples of what the model does.
        plots: a file that `stemma.modeling.evaluation.results` knows -> rows, the first of them the
            header.
        windows: of a task that reads documents in windows, their ``context`` and ``stride`` in
            tokens; of one whose loss is a code also ``start``, the id that stands before a
            document, and ``rolling_bits_per_byte``, which is what lm-evaluation-harness finds.
    """

    table: Table
    counts: dict[str, int]
    examples: dict[str, Any]
    samples: str
    plots: dict[str, list[list[Any]]]
    windows: dict[str, float] | None = None


def headline(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Return a model's figures, with the ends of the intervals that they have."""
    keys = [f"{name}{end}" for name in names_of(metrics) for end in ("", *ENDS)]
    return {key: metrics[key] for key in keys if key in metrics}
