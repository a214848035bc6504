"""Measure a causal language model on the test split, beside n-gram models; and let it write."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tokenizers import Tokenizer

from stemma.corpus.packing import read_split
from stemma.corpus.tokenizer.encoder import Encoder
from stemma.errors import SettingsError
from stemma.layout import PREPARED
from stemma.modeling.evaluation import results
from stemma.modeling.evaluation.heldout import HeldOut, check_vocabulary, read_texts
from stemma.modeling.evaluation.intervals import Tally, figures, tally
from stemma.modeling.evaluation.ngram import KneserNey, first_documents
from stemma.modeling.evaluation.samples import continue_greedily, page
from stemma.modeling.evaluation.scoring import context_of, score, stride_of
from stemma.modeling.evaluation.settings import EvaluateSection, Measured
from stemma.modeling.evaluation.windows import cut, rolling
from stemma.modeling.runtime import Runtime
from stemma.modeling.weights.load import load_base, load_model
from stemma.tasks.causal_lm import AUTO, Settings

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_INTRODUCTION = """\
Each heading is a prompt; below it the prompt with at most {} tokens that the
model adds greedily (always the likeliest, no rule against repetition)."""


def measure(
    settings: Settings, section: EvaluateSection, folder: Path, runtime: Runtime
) -> Measured:
    """Score every token of the test split with the model in ``folder``.

    Raises:
        DataError: data/prepared lacks a file, is torn, or has no test document.
        ModelError: the model cannot be loaded, does not fit the data, or has no finite loss.
        SettingsError: the context, or a prompt with its continuation, is longer than the model's.
    """
    test = read_texts(PREPARED)
    model = load_model(folder, AUTO, runtime.device)
    encoder = check_vocabulary(test, PREPARED, folder, model.config.vocab_size)
    context = context_of(section, model, folder)
    samples = _samples(section, model, encoder, folder)
    tallies = _baselines(section, test, encoder.size)
    if base := load_base(AUTO, runtime.device):
        tallies["base"] = _tally("base", section, test, base, runtime, context)
    tallies["model"] = _tally("model", section, test, model, runtime, context)
    table = {
        name: figures(tally, test, section.resamples, runtime.seed)
        for name, tally in tallies.items()
    }
    return Measured(
        table,
        results.counts(test),
        results.examples(test, tallies["model"]),
        samples,
        {"loss_by_position.csv": results.positions(tallies)},
        {
            "context": context,
            "stride": stride_of(section, context),
            "start": encoder.end_of_text,
            "rolling_bits_per_byte": _rolling(section, test, model, runtime, context),
        },
    )


def figures_of(
    settings: Settings, section: EvaluateSection, model: Any, folder: Path, runtime: Runtime
) -> dict[str, float]:
    """Score every token of the test split with a model; ``folder`` has its tokenizer.

    Raises:
        DataError: as ``measure``.
        ModelError: the model does not fit the data, or has no finite loss.
        SettingsError: the context is longer than the model's.
    """
    test = read_texts(PREPARED)
    check_vocabulary(test, PREPARED, folder, model.config.vocab_size)
    context = context_of(section, model, folder)
    found = _tally(folder.name, section, test, model, runtime, context)
    return figures(found, test, section.resamples, runtime.seed)


def _samples(
    settings: EvaluateSection, model: PreTrainedModel, encoder: Encoder, folder: Path
) -> str:
    limit = getattr(model.config, "max_position_embeddings", None)
    decoder = Tokenizer.from_file(str(folder / "tokenizer.json"))
    samples = []
    for index, ids in enumerate(encoder.encode_batch(settings.prompts)):
        # The end-of-text token stands before the prompt; the last token written is never read.
        if limit is not None and len(ids) + settings.sample_tokens > limit:
            raise SettingsError(
                f"evaluate.prompts[{index}] has {len(ids)} tokens, which with "
                f"evaluate.sample_tokens = {settings.sample_tokens} exceeds the {limit} tokens "
                f"that {folder} sees",
                "lower evaluate.sample_tokens",
            )
        # As in training, a text follows an end-of-text token.
        start = np.append(encoder.end_of_text, ids)
        written = continue_greedily(model, start, settings.sample_tokens, encoder.end_of_text)
        prompt = settings.prompts[index]
        samples.append((prompt, prompt + decoder.decode(written)))
    return page(_INTRODUCTION.format(settings.sample_tokens), samples)


def _baselines(settings: EvaluateSection, test: HeldOut, vocabulary: int) -> dict[str, Tally]:
    train = first_documents(read_split(PREPARED, "train"), settings.baseline_tokens)
    return {
        name: tally(name, test, KneserNey(train, vocabulary, order).score(test.split))
        for order, name in enumerate(("unigram", "bigram", "trigram"), start=1)
    }


def _tally(
    name: str,
    settings: EvaluateSection,
    test: HeldOut,
    model: PreTrainedModel,
    runtime: Runtime,
    context: int,
) -> Tally:
    windows = cut(test.split.offsets, context, stride_of(settings, context))
    return tally(name, test, score(model, test.split, windows, settings.batch_tokens, runtime))


def _rolling(
    settings: EvaluateSection,
    test: HeldOut,
    model: PreTrainedModel,
    runtime: Runtime,
    context: int,
) -> float:
    windows = rolling(test.split.offsets, context)
    scores = score(model, test.split, windows, settings.batch_tokens, runtime)
    nats = tally("rolling", test, scores).loss.sum()
    return round(float(nats / test.sizes.sum() / np.log(2)), 4)
