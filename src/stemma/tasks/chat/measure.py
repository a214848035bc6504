"""Measure a chat model and n-gram models on the answers of the test split; and ask the model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from stemma.corpus.documents import Part
from stemma.corpus.packing import read_split
from stemma.corpus.task import IGNORED
from stemma.errors import SettingsError
from stemma.layout import PREPARED
from stemma.modeling import processes
from stemma.modeling.evaluation import results
from stemma.modeling.evaluation.answers import of_answers, read_answers
from stemma.modeling.evaluation.baselines import count_ngrams, score_models
from stemma.modeling.evaluation.heldout import HeldOut, check_vocabulary, read_held_out
from stemma.modeling.evaluation.reference import Asked, reference
from stemma.modeling.evaluation.samples import continue_greedily, page
from stemma.modeling.evaluation.scoring import context_of, loss_and_rank
from stemma.modeling.evaluation.settings import EvaluateSection, Evaluation
from stemma.modeling.evaluation.token_scores import (
    Scores,
    example_columns,
    sum_scores,
    token_metrics,
)
from stemma.modeling.evaluation.windows import whole_documents
from stemma.modeling.examples.documents import Documents, pad
from stemma.modeling.runtime import Runtime
from stemma.modeling.weights.load import load_model
from stemma.tasks.chat import AUTO, Settings
from stemma.tasks.chat.conversations import conversations
from stemma.tasks.chat.encoding import ChatTemplate

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_INTRODUCTION = """\
Each heading is a question; below it what the model answers, greedily (always the likeliest,
no rule against repetition), up to {} tokens."""


def measure(
    settings: Settings, section: EvaluateSection, folder: Path, runtime: Runtime
) -> Evaluation:
    """Score every answer of the test split; raises what `Measure` says.

    A SettingsError says that a conversation, or a prompt with its answer, exceeds the context.
    """
    test, documents = read_held_out(PREPARED), Documents(PREPARED, "test")
    model = load_model(folder, AUTO, runtime.device)
    encoder = check_vocabulary(test, PREPARED, folder, model.config.vocab_size)
    context = context_of(section, model, folder)
    _check_lengths(test, context, folder)
    template = ChatTemplate(encoder)
    samples = _samples(section, model, template, folder, context)
    answers = read_answers(test.ids, documents, folder)
    counted = count_ngrams(section, test, encoder.size)
    models = score_models(
        answers,
        ((name, of_answers(scores, documents)) for name, scores in counted),
        model,
        AUTO,
        lambda one: _score(one, documents, section.batch_tokens, runtime),
    )
    how = (section.resamples, runtime.seed)
    wanted = section.reference
    requests = conversations(documents, template, folder, wanted.requests, context, runtime.seed)
    asked = Asked(model, encoder, template.end(), context, wanted, section.batch_tokens, runtime)
    return Evaluation(
        {name: token_metrics(sums, answers, *how) for name, sums in models.items()},
        results.counts(answers),
        example_columns(answers, models["model"]),
        page(_INTRODUCTION.format(section.sample_tokens), samples),
        {},
        reference=reference(asked, requests, read_split(PREPARED, "train")),
    )


def metrics_of(
    settings: Settings, section: EvaluateSection, model: Any, folder: Path, runtime: Runtime
) -> dict[str, float]:
    """Score every answer of the test split; raises what `Measure` says."""
    test, documents = read_held_out(PREPARED), Documents(PREPARED, "test")
    check_vocabulary(test, PREPARED, folder, model.config.vocab_size)
    _check_lengths(test, context_of(section, model, folder), folder)
    answers = read_answers(test.ids, documents, folder)
    scores = _score(model, documents, section.batch_tokens, runtime)
    sums = sum_scores(folder.name, answers, scores)
    return token_metrics(sums, answers, section.resamples, runtime.seed)


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

    def scored(rows: NDArray[np.int64]) -> Scores:
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
        return Scores(rows[row], column + 1, loss.cpu().numpy(), rank.cpu().numpy())

    return processes.share(whole_documents(documents.split.offsets, batch_tokens), scored)


def _samples(
    section: EvaluateSection,
    model: PreTrainedModel,
    template: ChatTemplate,
    folder: Path,
    context: int,
) -> list[tuple[str, str]]:
    decoder = Tokenizer.from_file(str(folder / "tokenizer.json"))
    end = template.end()

    def sample(numbered: tuple[int, str]) -> tuple[str, str]:
        index, question = numbered
        ids = template.prompt([Part("user", question)])
        if len(ids) + section.sample_tokens > context:
            raise SettingsError(
                f"evaluate.prompts[{index}] has {len(ids)} tokens in the chat template, which with "
                f"evaluate.sample_tokens = {section.sample_tokens} exceeds the {context} tokens "
                "that the model is to see",
                "lower evaluate.sample_tokens",
            )
        written = continue_greedily(model, ids, section.sample_tokens, end)
        return question, decoder.decode(written)

    return list(processes.share(enumerate(section.prompts), sample))
