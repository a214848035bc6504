"""Measure the trained model on the test split, beside n-gram models.

Takes models/trained and data/prepared; gives reports/metrics.json (each figure with the ends of its
95 % interval, for the model and under ``baselines``), reports/examples.parquet (one row per
document), reports/samples.md, and under reports/plots/ the same figures as a table and the loss by
distance from the document's start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from stemma import stage
from stemma.config import settings
from stemma.environment import RuntimeSettings
from stemma.errors import SettingsError
from stemma.layout import METRICS, PLOTS, PREPARED, REPORTS, TRAINED
from stemma.modeling.runtime import Runtime, start

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from stemma.corpus.encoding import Encoder
    from stemma.modeling.heldout import HeldOut
    from stemma.modeling.intervals import Tally


@settings
class EvaluateSection:
    """How a model is measured."""

    name: str
    context: Annotated[int, Field(gt=0)] | None
    """Tokens that a window holds; None for as many as the model sees."""
    stride: Annotated[float, Field(gt=0, le=1)]
    """Share of the context by which one window lies behind the other."""
    batch_tokens: Annotated[int, Field(gt=0)]
    """Most tokens of a batch, padding counted."""
    resamples: Annotated[int, Field(gt=0)]
    """Of the bootstrap behind the intervals."""
    baseline_tokens: Annotated[int, Field(gt=0)]
    """Most training tokens that the n-gram models count."""
    prompts: tuple[str, ...]
    """What the samples begin with."""
    sample_tokens: Annotated[int, Field(gt=0)]
    """Most tokens added to a prompt."""


@settings
class EvaluateSettings:
    """What this stage reads of params.yaml."""

    evaluate: EvaluateSection
    runtime: RuntimeSettings


def run(settings: EvaluateSettings) -> None:
    """Measure models/trained.

    Raises:
        DataError: data/prepared lacks a file, is torn, or has no test document.
        ModelError: models/trained cannot be loaded, does not fit the data, or has no finite loss.
        SettingsError: the context, or a prompt with its continuation, is longer than the model's.
    """
    runtime = start(settings.runtime)

    from stemma.modeling.heldout import check_vocabulary, read_held_out
    from stemma.modeling.scoring import load_model

    test = read_held_out(PREPARED)
    model = load_model(TRAINED, runtime.device)
    encoder = check_vocabulary(test, PREPARED, TRAINED, model.config.vocab_size)
    context = _context(settings.evaluate, model)
    samples = _samples(settings.evaluate, model, encoder)
    tallies = _baselines(settings.evaluate, test, encoder.size)
    tallies["model"] = _measure(settings.evaluate, test, model, runtime, context)
    _write(settings, test, tallies, samples)


def _context(settings: EvaluateSection, model: PreTrainedModel) -> int:
    limit = getattr(model.config, "max_position_embeddings", None)
    context = settings.context or limit
    if context is None:
        raise SettingsError(
            f"evaluate.context is null, and {TRAINED} has no longest context",
            "set evaluate.context to the context it was trained with",
        )
    if limit is not None and context > limit:
        raise SettingsError(
            f"evaluate.context is {context}, but {TRAINED} sees only {limit} tokens",
            f"use -S evaluate.context={limit} or null",
        )
    return context


def _samples(
    settings: EvaluateSection, model: PreTrainedModel, encoder: Encoder
) -> list[tuple[str, str]]:
    from tokenizers import Tokenizer

    from stemma.modeling.samples import continue_greedily

    limit = getattr(model.config, "max_position_embeddings", None)
    decoder = Tokenizer.from_file(str(TRAINED / "tokenizer.json"))
    samples = []
    for index, ids in enumerate(encoder.encode_batch(settings.prompts)):
        # The end-of-text token stands before the prompt; the last token written is never read.
        if limit is not None and len(ids) + settings.sample_tokens > limit:
            raise SettingsError(
                f"evaluate.prompts[{index}] has {len(ids)} tokens, which with "
                f"evaluate.sample_tokens = {settings.sample_tokens} exceeds the {limit} tokens "
                f"that {TRAINED} sees",
                "lower evaluate.sample_tokens",
            )
        written = continue_greedily(model, ids, settings.sample_tokens, encoder.end_of_text)
        samples.append((settings.prompts[index], decoder.decode(written)))
    return samples


def _baselines(settings: EvaluateSection, test: HeldOut, vocabulary: int) -> dict[str, Tally]:
    from stemma.corpus.packing import read_split
    from stemma.modeling.intervals import tally
    from stemma.modeling.ngram import KneserNey, first_documents

    train = first_documents(read_split(PREPARED, "train"), settings.baseline_tokens)
    return {
        name: tally(name, test, KneserNey(train, vocabulary, order).score(test.split))
        for order, name in enumerate(("unigram", "bigram", "trigram"), start=1)
    }


def _measure(
    settings: EvaluateSection,
    test: HeldOut,
    model: PreTrainedModel,
    runtime: Runtime,
    context: int,
) -> Tally:
    from stemma.modeling.intervals import tally
    from stemma.modeling.scoring import score
    from stemma.modeling.windows import cut

    windows = cut(test.split.offsets, context, max(1, round(context * settings.stride)))
    return tally("model", test, score(model, test.split, windows, settings.batch_tokens, runtime))


def _write(
    settings: EvaluateSettings,
    test: HeldOut,
    tallies: dict[str, Tally],
    samples: list[tuple[str, str]],
) -> None:
    from stemma.files import atomic_file, write_json
    from stemma.modeling import results
    from stemma.modeling.intervals import figures
    from stemma.modeling.samples import page

    resamples, seed = settings.evaluate.resamples, settings.runtime.seed
    table = {name: figures(tally, test, resamples, seed) for name, tally in tallies.items()}
    results.write_table(PLOTS / "baselines.csv", table)
    results.write_positions(PLOTS / "loss_by_position.csv", tallies)
    results.write_examples(REPORTS / "examples.parquet", test, tallies["model"])
    with atomic_file(REPORTS / "samples.md", "w") as handle:
        handle.write(page(samples, settings.evaluate.sample_tokens))
    write_json(METRICS, results.metrics(table, test))


def main() -> None:
    """Run the stage with the settings of params.yaml."""
    stage.main("evaluate", EvaluateSettings, run)


if __name__ == "__main__":
    main()
