"""Measure a masked language model: every token of the test split is hidden once and filled in.

A document is read in several rounds, each of which hides as large a share of it as training did.
The metrics say how well gaps are filled; the losses of a document do not add up to the length of a
code for it, so there are no bits per byte.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from stemma.corpus.tokenizer.encoder import Encoder
from stemma.errors import SettingsError
from stemma.layout import PREPARED
from stemma.modeling import processes
from stemma.modeling.evaluation import results
from stemma.modeling.evaluation.baselines import NGRAMS, count_ngrams, score_models
from stemma.modeling.evaluation.heldout import HeldOut, check_vocabulary, read_texts
from stemma.modeling.evaluation.samples import page
from stemma.modeling.evaluation.scoring import context_of, loss_and_rank, stride_of
from stemma.modeling.evaluation.settings import EvaluateSection, Evaluation
from stemma.modeling.evaluation.token_scores import (
    DocumentScores,
    Scores,
    example_columns,
    loss_by_position,
    sum_scores,
    token_metrics,
)
from stemma.modeling.evaluation.windows import Windows, batches, cut, gather
from stemma.modeling.metrics.tokens import BITS_PER_BYTE, PERPLEXITY
from stemma.modeling.runtime import Runtime
from stemma.modeling.weights.load import load_model
from stemma.tasks.masked_lm import AUTO, Settings, mask_token

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_INTRODUCTION = (
    "Each heading is a text with gaps; below it what the model holds for likeliest in them."
)
_OF_TEXT = (PERPLEXITY, BITS_PER_BYTE)  # of a text, for which these losses are no code


def measure(
    settings: Settings, section: EvaluateSection, folder: Path, runtime: Runtime
) -> Evaluation:
    """Hide and score every token of the test split; raises what `Measure` says.

    A DataError also says that the tokenizer has no mask token.
    """
    test = read_texts(PREPARED)
    model = load_model(folder, AUTO, runtime.device)
    encoder = check_vocabulary(test, PREPARED, folder, model.config.vocab_size)
    context = context_of(section, model, folder)
    models = score_models(
        test,
        count_ngrams(section, test, encoder.size, NGRAMS[:1]),
        model,
        AUTO,
        lambda one: _score_all(one, settings, section, test, folder, runtime),
    )
    samples = [(text, _fill(text, model, encoder, folder, context)) for text in section.prompts]
    return Evaluation(
        {name: _metrics(sums, test, section, runtime.seed) for name, sums in models.items()},
        results.counts(test),
        example_columns(test, models["model"]),
        page(_INTRODUCTION, samples),
        {"gap_loss_by_position.csv": loss_by_position(models)},
        {"context": context, "stride": stride_of(section, context)},
    )


def metrics_of(
    settings: Settings, section: EvaluateSection, model: Any, folder: Path, runtime: Runtime
) -> dict[str, float]:
    """Hide and score every token of the test split; raises what `Measure` says."""
    test = read_texts(PREPARED)
    check_vocabulary(test, PREPARED, folder, model.config.vocab_size)
    scores = _score_all(model, settings, section, test, folder, runtime)
    return _metrics(sum_scores(folder.name, test, scores), test, section, runtime.seed)


def _score_all(
    model: Any,
    settings: Settings,
    section: EvaluateSection,
    test: HeldOut,
    folder: Path,
    runtime: Runtime,
) -> Iterator[Scores]:
    context = context_of(section, model, folder)
    windows = cut(test.split.offsets, context, stride_of(section, context))
    _, mask = mask_token(folder)
    rounds = round(1 / settings.hidden)
    return _score(model, test, windows, mask, rounds, section.batch_tokens, runtime)


def _metrics(
    sums: DocumentScores, test: HeldOut, section: EvaluateSection, seed: int
) -> dict[str, float]:
    found = token_metrics(sums, test, section.resamples, seed)
    return {name: value for name, value in found.items() if not name.startswith(_OF_TEXT)}


def _score(
    model: PreTrainedModel,
    test: HeldOut,
    windows: Windows,
    mask: int,
    rounds: int,
    batch_tokens: int,
    runtime: Runtime,
) -> Iterator[Scores]:
    import torch

    def scored(rows: NDArray[np.int64]) -> Iterator[Scores]:
        _, tokens = gather(test.split, windows, rows)
        turns = np.full(tokens.shape, -1)
        for turn, row in zip(turns, rows, strict=True):
            length = windows.length[row]
            turn[:length] = np.random.default_rng([runtime.seed, row]).permutation(length) % rounds
        attention = torch.from_numpy(turns >= 0).to(runtime.device)
        for index in range(rounds):
            hidden = turns == index
            counts = hidden & (np.arange(tokens.shape[1]) >= windows.first[rows][:, None])
            row, column = np.nonzero(counts)
            if not len(row):
                continue
            ids = torch.from_numpy(np.where(hidden, mask, tokens)).to(runtime.device)
            with torch.inference_mode(), runtime.autocast():
                logits = model(ids, attention_mask=attention).logits
                loss, rank = loss_and_rank(
                    logits[torch.from_numpy(counts).to(runtime.device)],
                    torch.from_numpy(tokens[counts]).to(runtime.device),
                )
            yield Scores(
                windows.document[rows][row],
                windows.start[rows][row] + column,
                loss.cpu().numpy(),
                rank.cpu().numpy(),
            )

    shared = processes.share(batches(windows, batch_tokens), lambda rows: list(scored(rows)))
    return itertools.chain.from_iterable(shared)


def _fill(prompt: str, model: PreTrainedModel, encoder: Encoder, folder: Path, context: int) -> str:
    import torch

    token, mask = mask_token(folder)
    # A prompt without a gap gets one at its end.
    pieces = prompt.split(token) if token in prompt else [prompt, ""]
    first, *others = encoder.encode_batch(pieces)
    ids = np.concatenate([first, *(part for other in others for part in ([mask], other))])
    if len(ids) > context:
        raise SettingsError(
            f"a prompt of evaluate.prompts has {len(ids)} tokens, but {folder} sees only {context}",
            f"shorten {prompt[:40]!r}",
        )
    seen = torch.from_numpy(ids.astype(np.int64))[None].to(model.device)
    with torch.inference_mode():
        guesses = model(seen).logits[0].argmax(-1).cpu().numpy()
    decoder = Tokenizer.from_file(str(folder / "tokenizer.json"))
    return decoder.decode(np.where(ids == mask, guesses, ids).tolist(), skip_special_tokens=False)
