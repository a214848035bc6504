"""How a model is measured, as settings; and what a task answers: metrics and tables."""

import dataclasses
from typing import Annotated, Any

from pydantic import Field

from stemma.config import Positive, settings
from stemma.errors import SettingsError

Table = dict[str, dict[str, float]]


@settings
class ReferenceSection:
    """Requests made of the test split, with which those to a server are compared."""

    requests: Annotated[int, Field(ge=0)]
    """Most of them; there may be fewer in the test split."""
    prompt_tokens: tuple[Positive, Positive]
    """The shortest and the longest beginning of a text; conversations are whole."""
    answer_tokens: Positive
    """Most tokens of an answer."""

    def __post_init__(self) -> None:
        """Check that there is a length.

        Raises:
            SettingsError: the longest prompt is shorter than the shortest.
        """
        if self.prompt_tokens[0] > self.prompt_tokens[1]:
            raise SettingsError(
                f"evaluate.reference.prompt_tokens is {list(self.prompt_tokens)}",
                "put the shortest length first",
            )


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
    reference: ReferenceSection
    """Requests made of the test split."""


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
        reference: requests and their answers, a pyarrow table as
            `stemma.modeling.evaluation.reference_table` has it; None of a task that writes no text.
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
    reference: Any = None
