"""Measure a chat model on the answers of the test split, beside n-gram models; and ask it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tokenizers import Tokenizer

from stemma.corpus.packing import read_split
from stemma.corpus.task import IGNORED
from stemma.errors import SettingsError
from stemma.layout import PREPARED
from stemma.modeling.evaluation import results
from stemma.modeling.evaluation.answers import of_answers, read_answers
from stemma.modeling.evaluation.heldout import HeldOut, check_vocabulary, read_held_out
from stemma.modeling.evaluation.intervals import figures, tally
from stemma.modeling.evaluation.ngram import KneserNey, first_documents
from stemma.modeling.evaluation.samples import continue_greedily, page
from stemma.modeling.evaluation.scoring import context_of, loss_and_rank
from stemma.modeling.evaluation.settings import EvaluateSection, Measured
from stemma.modeling.evaluation.windows import Scores, batches, cut
from stemma.modeling.examples.documents import Documents, pad
from stemma.modeling.runtime import Runtime
from stemma.modeling.weights.load import load_base, load_model
from stemma.tasks.chat import AUTO, Settings
from stemma.tasks.chat.encoding import ChatTemplate

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_INTRODUCTION = """\
Each heading is a question; below it what the model answers, greedily (always the likeliest,
no rule against repetition), up to {} tokens."""


def measure(
    settings: Settings, section: EvaluateSection, folder: Path, runtime: Runtime
) -> Measured:
    """Score every answer of the test split with the model in ``folder``.

    Raises:
        DataError: data/prepared lacks a file, is torn, or has no test conversation.
        ModelError: the model cannot be loaded, does not fit the data, or has no finite loss.
        SettingsError: a conversation, or a prompt with its answer, is longer than the model's
            context.
    """
    test, documents = read_held_out(PREPARED), Documents(PREPARED, "test")
    model = load_model(folder, AUTO, runtime.device)
    encoder = check_vocabulary(test, PREPARED, folder, model.config.vocab_size)
    context = context_of(section, model, folder)
    _check_lengths(test, context, folder)
    template = ChatTemplate(encoder)
    decoder = Tokenizer.from_file(str(folder / "tokenizer.json"))
    samples = _samples(section, model, template, decoder, context)
    answers = read_answers(test.ids, documents, folder)
    train = first_documents(read_split(PREPARED, "train"), section.baseline_tokens)
    scores = {
        name: of_answers(KneserNey(train, encoder.size, order).score(test.split), documents)
        for order, name in enumerate(("unigram", "bigram", "trigram"), start=1)
    }
    if base := load_base(AUTO, runtime.device):
        scores["base"] = _score(base, documents, section.batch_tokens, runtime)
    scores["model"] = _score(model, documents, section.batch_tokens, runtime)
    tallies = {name: tally(name, answers, some) for name, some in scores.items()}
    return Measured(
        {
            name: figures(one, answers, section.resamples, runtime.seed)
            for name, one in tallies.items()
        },
        results.counts(answers),
        results.examples(answers, tallies["model"]),
        page(_INTRODUCTION.format(section.sample_tokens), samples),
        {},
    )


def figures_of(
    settings: Settings, section: EvaluateSection, model: Any, folder: Path, runtime: Runtime
) -> dict[str, float]:
    """Score every answer of the test split with a model; ``folder`` has its tokenizer.

    Raises:
        DataError: as ``measure``.
        ModelError: the model does not fit the data, or has no finite loss.
        SettingsError: a conversation is longer than the model's context.
    """
    test, documents = read_held_out(PREPARED), Documents(PREPARED, "test")
    check_vocabulary(test, PREPARED, folder, model.config.vocab_size)
    _check_lengths(test, context_of(section, model, folder), folder)
    answers = read_answers(test.ids, documents, folder)
    found = tally(folder.name, answers, _score(model, documents, section.batch_tokens, runtime))
    return figures(found, answers, section.resamples, runtime.seed)


def _check_lengths(test: HeldOut, context: int, folder: Path) -> None:
    longest = int(test.lengths.argmax())
    if test.lengths[longest] > context:
        raise SettingsError(
            f"test conversation '{test.ids[longest]}' has {test.lengths[longest]} tokens, but "
            f"{folder} is to see only {context}",
            f"use -S task.max_tokens={context}, or raise evaluate.context",
        )


def _score(
    model: PreTrainedModel, documents: Documents, batch_tokens: int, runtime: Runtime
) -> Iterator[Scores]:
    import torch

    # A conversation is one window: it is shorter than the context.
    longest = int(np.diff(documents.split.offsets).max())
    for rows in batches(cut(documents.split.offsets, longest, longest), batch_tokens):
        batch = pad([documents[int(row)] for row in rows])
        labels = batch["labels"][:, 1:]
        counts = labels != IGNORED
        with torch.inference_mode(), runtime.autocast():
            inputs = {key: batch[key].to(runtime.device) for key in ("input_ids", "attention_mask")}
            logits = model(**inputs, use_cache=False).logits[:, :-1]
            loss, rank = loss_and_rank(
                logits[counts.to(runtime.device)], labels[counts].to(runtime.device)
            )
        row, column = np.nonzero(counts.numpy())
        yield Scores(rows[row], column + 1, loss.cpu().numpy(), rank.cpu().numpy())


def _samples(
    section: EvaluateSection,
    model: PreTrainedModel,
    template: ChatTemplate,
    decoder: Tokenizer,
    context: int,
) -> list[tuple[str, str]]:
    samples, end = [], template.end()
    for index, question in enumerate(section.prompts):
        ids = template.prompt(question)
        if len(ids) + section.sample_tokens > context:
            raise SettingsError(
                f"evaluate.prompts[{index}] has {len(ids)} tokens in the chat template, which with "
                f"evaluate.sample_tokens = {section.sample_tokens} exceeds the {context} tokens "
                "that the model is to see",
                "lower evaluate.sample_tokens",
            )
        written = continue_greedily(model, ids, section.sample_tokens, end)
        samples.append((question, decoder.decode(written)))
    return samples
