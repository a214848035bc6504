"""Measure what a model writes for the sources of the test split; the baseline copies them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer
from tqdm import tqdm

from stemma.corpus.task import IGNORED
from stemma.layout import PREPARED
from stemma.modeling import processes
from stemma.modeling.evaluation import results
from stemma.modeling.evaluation.answers import read_answers
from stemma.modeling.evaluation.heldout import check_vocabulary, read_held_out
from stemma.modeling.evaluation.intervals import example_metrics
from stemma.modeling.evaluation.samples import page
from stemma.modeling.evaluation.scoring import loss_and_rank
from stemma.modeling.evaluation.settings import EvaluateSection, Evaluation
from stemma.modeling.evaluation.token_scores import (
    Scores,
    example_columns,
    sum_scores,
    token_metrics,
)
from stemma.modeling.evaluation.windows import whole_documents
from stemma.modeling.examples.documents import Documents
from stemma.modeling.examples.pairs import pad_pairs
from stemma.modeling.metrics.text_overlap import OVERLAP
from stemma.modeling.runtime import Runtime
from stemma.modeling.weights.load import load_model
from stemma.tasks.seq2seq import AUTO, Settings

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_INTRODUCTION = """\
Each heading is a source; below it what the model writes, greedily (always the likeliest, no rule
against repetition), up to {} tokens."""


def measure(
    settings: Settings, section: EvaluateSection, folder: Path, runtime: Runtime
) -> Evaluation:
    """Score the targets of the test split, and what is written instead; raises as `Measure` says.

    A SettingsError also says that sacrebleu is not installed.
    """
    test, documents = read_held_out(PREPARED), Documents(PREPARED, "test")
    model = load_model(folder, AUTO, runtime.device)
    encoder = check_vocabulary(test, PREPARED, folder, model.config.vocab_size)
    decoder = Tokenizer.from_file(str(folder / "tokenizer.json"))
    targets = read_answers(test.ids, documents, folder)
    sources = [decoder.decode(ids) for ids in _sources(documents)]
    scores = _score(model, documents, section.batch_tokens, runtime)
    sums = sum_scores("model", targets, scores)
    most = settings.max_tokens
    written = _write_all(model, documents, section.batch_tokens, most, decoder)
    prompts = [np.append(ids, encoder.end_of_text) for ids in encoder.encode_batch(section.prompts)]
    samples = processes.share(
        prompts, lambda ids: _write(model, [_alone(ids, documents)], most, decoder)[0]
    )
    how = (section.resamples, runtime.seed)
    return Evaluation(
        {
            "copy of the source": _overlap(sources, targets.texts, *how),
            "model": token_metrics(sums, targets, *how) | _overlap(written, targets.texts, *how),
        },
        results.counts(targets),
        {**example_columns(targets, sums), "wanted": targets.texts, "written": written},
        page(_INTRODUCTION.format(most), list(zip(section.prompts, samples, strict=True))),
        {},
    )


def metrics_of(
    settings: Settings, section: EvaluateSection, model: Any, folder: Path, runtime: Runtime
) -> dict[str, float]:
    """Score the targets of the test split, and what is written instead; raises as `measure`."""
    test, documents = read_held_out(PREPARED), Documents(PREPARED, "test")
    check_vocabulary(test, PREPARED, folder, model.config.vocab_size)
    decoder = Tokenizer.from_file(str(folder / "tokenizer.json"))
    targets = read_answers(test.ids, documents, folder)
    scores = _score(model, documents, section.batch_tokens, runtime)
    sums = sum_scores(folder.name, targets, scores)
    written = _write_all(model, documents, section.batch_tokens, settings.max_tokens, decoder)
    how = (section.resamples, runtime.seed)
    return token_metrics(sums, targets, *how) | _overlap(written, targets.texts, *how)


def _overlap(written: list[str], wanted: list[str], resamples: int, seed: int) -> dict[str, float]:
    return example_metrics({"written": written, "wanted": wanted}, [OVERLAP], resamples, seed)


def _sources(documents: Documents) -> Iterator[list[int]]:
    starts = documents.split.offsets[1:-1]
    parts = zip(
        np.split(documents.split.tokens, starts), np.split(documents.labels, starts), strict=True
    )
    for ids, labels in parts:
        yield ids[labels == IGNORED].tolist()


def _alone(ids: Any, documents: Documents) -> dict[str, Any]:
    import torch

    source = torch.from_numpy(ids.astype(np.int64))
    labels = torch.full_like(source, IGNORED)
    return {"input_ids": source, "labels": labels, "padding": documents.padding}


def _score(
    model: PreTrainedModel, documents: Documents, batch_tokens: int, runtime: Runtime
) -> Iterator[Scores]:
    import torch

    def scored(rows: NDArray[np.int64]) -> Scores:
        batch = pad_pairs([documents[int(row)] for row in rows])
        counts = batch["labels"] != IGNORED
        batch = {key: tensor.to(runtime.device) for key, tensor in batch.items()}
        with torch.inference_mode(), runtime.autocast():
            logits = model(**batch, use_cache=False).logits
            kept = counts.to(runtime.device)
            loss, rank = loss_and_rank(logits[kept], batch["labels"][kept])
        row, column = np.nonzero(counts.numpy())
        return Scores(rows[row], column, loss.cpu().numpy(), rank.cpu().numpy())

    return processes.share(whole_documents(documents.split.offsets, batch_tokens), scored)


def _write_all(
    model: Any, documents: Documents, batch_tokens: int, most: int, decoder: Tokenizer
) -> list[str]:
    """Return what the model writes for each source."""
    written = [""] * len(documents)
    batches = list(whole_documents(documents.split.offsets, batch_tokens))
    texts = processes.share(
        batches,
        lambda rows: _write(model, [documents[int(row)] for row in rows], most, decoder),
    )
    bar = tqdm(texts, total=len(batches), desc="write", disable=processes.silence())
    for rows, found in zip(batches, bar, strict=True):
        for row, text in zip(rows, found, strict=True):
            written[row] = text
    return written


def _write(
    model: Any, examples: Sequence[dict[str, Any]], tokens: int, decoder: Tokenizer
) -> list[str]:
    import torch

    batch = pad_pairs(examples)
    sources = {key: batch[key].to(model.device) for key in ("input_ids", "attention_mask")}
    with torch.inference_mode():
        written = model.generate(**sources, max_new_tokens=tokens, do_sample=False, num_beams=1)
    return [decoder.decode(ids) for ids in written.tolist()]
