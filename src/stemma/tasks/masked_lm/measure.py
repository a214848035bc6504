"""Measure a masked language model: every token of the test split is hidden once and filled in.

A document is read in as many rounds as a share of it is hidden in each, so that the model sees as
much as it saw in training. What the figures say is how well a gap is filled; the losses of a
document do not add up to a code for it, so there are no bits per byte.
"""

from __future__ import annotations

from collections.abc import Iterator
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
from stemma.modeling.evaluation.samples import page
from stemma.modeling.evaluation.scoring import context_of, loss_and_rank, stride_of
from stemma.modeling.evaluation.settings import EvaluateSection, Measured
from stemma.modeling.evaluation.windows import Scores, Windows, batches, cut, gather
from stemma.modeling.runtime import Runtime
from stemma.modeling.weights.load import load_base, load_model
from stemma.tasks.masked_lm import AUTO, Settings, mask_token

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_INTRODUCTION = (
    "Each heading is a text with gaps; below it what the model holds for likeliest in them."
)
_OF_TEXT = ("perplexity", "bits_per_byte")  # which losses that add up to no code are not


def measure(
    settings: Settings, section: EvaluateSection, folder: Path, runtime: Runtime
) -> Measured:
    """Hide and score every token of the test split with the model in ``folder``.

    Raises:
        DataError: data/prepared lacks a file, is torn, or has no test document or no mask token.
        ModelError: the model cannot be loaded, does not fit the data, or has no finite loss.
        SettingsError: the context is longer than the model's.
    """
    test = read_texts(PREPARED)
    model = load_model(folder, AUTO, runtime.device)
    encoder = check_vocabulary(test, PREPARED, folder, model.config.vocab_size)
    context = context_of(section, model, folder)
    how = (settings, section, test, folder, runtime)
    train = first_documents(read_split(PREPARED, "train"), section.baseline_tokens)
    counted = KneserNey(train, encoder.size, 1).score(test.split)
    tallies = {"unigram": tally("unigram", test, counted)}
    if base := load_base(AUTO, runtime.device):
        tallies["base"] = _tally("base", base, *how)
    tallies["model"] = _tally("model", model, *how)
    samples = [(text, _fill(text, model, encoder, folder, context)) for text in section.prompts]
    return Measured(
        {name: _figures(one, test, section, runtime.seed) for name, one in tallies.items()},
        results.counts(test),
        results.examples(test, tallies["model"]),
        page(_INTRODUCTION, samples),
        {"gap_loss_by_position.csv": results.positions(tallies)},
        {"context": context, "stride": stride_of(section, context)},
    )


def figures_of(
    settings: Settings, section: EvaluateSection, model: Any, folder: Path, runtime: Runtime
) -> dict[str, float]:
    """Hide and score every token of the test split; ``folder`` has the model's tokenizer.

    Raises:
        DataError: as ``measure``.
        ModelError: the model does not fit the data, or has no finite loss.
        SettingsError: the context is longer than the model's.
    """
    test = read_texts(PREPARED)
    check_vocabulary(test, PREPARED, folder, model.config.vocab_size)
    found = _tally(folder.name, model, settings, section, test, folder, runtime)
    return _figures(found, test, section, runtime.seed)


def _tally(
    name: str,
    model: Any,
    settings: Settings,
    section: EvaluateSection,
    test: HeldOut,
    folder: Path,
    runtime: Runtime,
) -> Tally:
    context = context_of(section, model, folder)
    windows = cut(test.split.offsets, context, stride_of(section, context))
    _, mask = mask_token(folder)
    rounds = round(1 / settings.hidden)
    scores = _score(model, test, windows, mask, rounds, section.batch_tokens, runtime)
    return tally(name, test, scores)


def _figures(tally: Tally, test: HeldOut, section: EvaluateSection, seed: int) -> dict[str, float]:
    found = figures(tally, test, section.resamples, seed)
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

    for rows in batches(windows, batch_tokens):
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
