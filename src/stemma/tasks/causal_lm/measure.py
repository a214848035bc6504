"""Measure a causal language model and n-gram models on the test split; and let it write."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from stemma.corpus.packing import read_split
from stemma.corpus.tokenizer.encoder import Encoder
from stemma.errors import SettingsError
from stemma.layout import PREPARED
from stemma.modeling import processes
from stemma.modeling.evaluation import results
from stemma.modeling.evaluation.baselines import count_ngrams, score_models
from stemma.modeling.evaluation.heldout import HeldOut, check_vocabulary, read_texts
from stemma.modeling.evaluation.passages import passages
from stemma.modeling.evaluation.reference import Asked, reference
from stemma.modeling.evaluation.samples import continue_greedily, page
from stemma.modeling.evaluation.scoring import context_of, score, stride_of
from stemma.modeling.evaluation.settings import EvaluateSection, Evaluation
from stemma.modeling.evaluation.token_scores import (
    Scores,
    example_columns,
    loss_by_position,
    sum_scores,
    token_metrics,
)
from stemma.modeling.evaluation.windows import cut, rolling
from stemma.modeling.runtime import Runtime
from stemma.modeling.weights.load import load_model
from stemma.tasks.causal_lm import AUTO, Settings

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_INTRODUCTION = """\
Each heading is a prompt; below it the prompt with at most {} tokens that the
model adds greedily (always the likeliest, no rule against repetition)."""


def measure(
    settings: Settings, section: EvaluateSection, folder: Path, runtime: Runtime
) -> Evaluation:
    """Score every token of the test split; raises what `Measure` says.

    A SettingsError also says that a prompt with its continuation exceeds the model's context.
    """
    test = read_texts(PREPARED)
    model = load_model(folder, AUTO, runtime.device)
    encoder = check_vocabulary(test, PREPARED, folder, model.config.vocab_size)
    context = context_of(section, model, folder)
    samples = _samples(section, model, encoder, folder)
    counted = count_ngrams(section, test, encoder.size)
    models = score_models(
        test, counted, model, AUTO, lambda one: _score(section, test, one, runtime, context)
    )
    how = (section.resamples, runtime.seed)
    wanted = section.reference
    requests = passages(test, folder, encoder, wanted, context, runtime.seed)
    asked = Asked(
        model, encoder, encoder.end_of_text, context, wanted, section.batch_tokens, runtime
    )
    return Evaluation(
        {name: token_metrics(sums, test, *how) for name, sums in models.items()},
        results.counts(test),
        example_columns(test, models["model"]),
        samples,
        {"loss_by_position.csv": loss_by_position(models)},
        {
            "context": context,
            "stride": stride_of(section, context),
            "start": encoder.end_of_text,
            "rolling_bits_per_byte": _rolling(section, test, model, runtime, context),
        },
        reference(asked, requests, read_split(PREPARED, "train")),
    )


def metrics_of(
    settings: Settings, section: EvaluateSection, model: Any, folder: Path, runtime: Runtime
) -> dict[str, float]:
    """Score every token of the test split; raises what `Measure` says."""
    test = read_texts(PREPARED)
    check_vocabulary(test, PREPARED, folder, model.config.vocab_size)
    context = context_of(section, model, folder)
    sums = sum_scores(folder.name, test, _score(section, test, model, runtime, context))
    return token_metrics(sums, test, section.resamples, runtime.seed)


def _samples(
    section: EvaluateSection, model: PreTrainedModel, encoder: Encoder, folder: Path
) -> str:
    limit = getattr(model.config, "max_position_embeddings", None)
    decoder = Tokenizer.from_file(str(folder / "tokenizer.json"))

    def sample(numbered: tuple[int, NDArray[np.integer]]) -> tuple[str, str]:
        index, ids = numbered
        # The end-of-text token stands before the prompt; the last token written is never read.
        if limit is not None and len(ids) + section.sample_tokens > limit:
            raise SettingsError(
                f"evaluate.prompts[{index}] has {len(ids)} tokens, which with "
                f"evaluate.sample_tokens = {section.sample_tokens} exceeds the {limit} tokens "
                f"that {folder} sees",
                "lower evaluate.sample_tokens",
            )
        # As in training, a text follows an end-of-text token.
        start = np.append(encoder.end_of_text, ids)
        written = continue_greedily(model, start, section.sample_tokens, encoder.end_of_text)
        prompt = section.prompts[index]
        return prompt, prompt + decoder.decode(written)

    prompts = enumerate(encoder.encode_batch(section.prompts))
    samples = list(processes.share(prompts, sample))
    return page(_INTRODUCTION.format(section.sample_tokens), samples)


def _score(
    section: EvaluateSection,
    test: HeldOut,
    model: PreTrainedModel,
    runtime: Runtime,
    context: int,
) -> Iterator[Scores]:
    windows = cut(test.split.offsets, context, stride_of(section, context))
    return score(model, test.split, windows, section.batch_tokens, runtime)


def _rolling(
    section: EvaluateSection,
    test: HeldOut,
    model: PreTrainedModel,
    runtime: Runtime,
    context: int,
) -> float:
    windows = rolling(test.split.offsets, context)
    scores = score(model, test.split, windows, section.batch_tokens, runtime)
    nats = sum_scores("rolling", test, scores).loss.sum()
    return round(float(nats / test.sizes.sum() / np.log(2)), 4)
