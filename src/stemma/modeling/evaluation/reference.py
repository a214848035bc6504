"""Requests made of the test split, put to a model: what a version in use is compared with."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer
from tqdm import tqdm

from stemma.corpus import features
from stemma.corpus.packing import PackedSplit
from stemma.corpus.tokenizer.encoder import Encoder
from stemma.modeling import processes, prompts
from stemma.modeling.evaluation.reference_table import table_of
from stemma.modeling.evaluation.settings import ReferenceSection
from stemma.modeling.runtime import Runtime

if TYPE_CHECKING:
    import pyarrow as pa
    from transformers import PreTrainedModel

_TOGETHER = 32  # answers that are written at once
_PART = 2**22  # tokens that are counted at once


@dataclasses.dataclass(frozen=True)
class Request:
    """What a server would be asked.

    Attributes:
        prompt: a text, or a conversation.
        ids: its tokens, as a server reads it; at least one.
    """

    prompt: str | list[dict[str, str]]
    ids: list[int]


@dataclasses.dataclass(frozen=True)
class Asked:
    """A model, and how it is asked.

    Attributes:
        model: on the runtime's device.
        encoder: its tokenizer.
        end: the token that ends an answer.
        context: tokens that it sees at a time.
        section: settings.
        batch_tokens: most tokens of a batch that is scored, padding counted.
        runtime: device, precision and seed.
    """

    model: PreTrainedModel
    encoder: Encoder
    end: int
    context: int
    section: ReferenceSection
    batch_tokens: int
    runtime: Runtime

    @property
    def ends(self) -> set[int]:
        """The tokens that end an answer, as an export has them."""
        settings: Any = self.model.generation_config
        known = settings.eos_token_id if settings else None
        own = known if isinstance(known, list) and self.encoder.end_of_text in known else []
        return {self.end, self.encoder.end_of_text, *own}


def reference(asked: Asked, requests: Sequence[Request], train: PackedSplit) -> pa.Table:
    """Return a row for each request, as `reference_table` has them.

    Answers are drawn at temperature 1, by a seed and nothing else.

    Args:
        asked: the model, and how it is asked.
        requests: what it is asked.
        train: the training split, which says what tokens are rare.
    """
    rare = prompts.rarest(_counts(train, asked.encoder.size))
    # Before the model writes, so that what is measured depends on no cache.
    measured = dict(_measured(asked, requests, ~rare))
    decoder = Tokenizer.from_file(str(asked.encoder.folder / "tokenizer.json"))
    written = dict(_written(asked, requests))
    rows = [
        _row(request, measured[number], written[number], decoder, asked.ends)
        for number, request in enumerate(requests)
    ]
    settings: Any = asked.model.config
    facts = {
        "common": prompts.packed(~rare),
        "width": int(settings.get_text_config().hidden_size),
        "answer_tokens": asked.section.answer_tokens,
        "prompt_tokens": list(asked.section.prompt_tokens),
        "seed": asked.runtime.seed,
    }
    return table_of(rows, facts)


def _counts(train: PackedSplit, size: int) -> NDArray[np.int64]:
    counts = np.zeros(size, np.int64)
    for start in range(0, len(train.tokens), _PART):
        counts += np.bincount(train.tokens[start : start + _PART], minlength=size)[:size]
    return counts


def _row(
    request: Request, measured: dict[str, Any], written: list[int], decoder: Tokenizer,
    ends: set[int],
) -> dict[str, Any]:  # fmt: skip
    prompt = request.prompt
    texts = [prompt] if isinstance(prompt, str) else [one["content"] for one in prompt]
    stopped = written[-1] in ends
    answer = decoder.decode(written[: len(written) - stopped])
    # Where there is no answer nothing is known of it.
    of_answer = dataclasses.asdict(features.of([answer])) if answer else {}
    return {
        "prompt": json.dumps(prompt, ensure_ascii=False),
        "prompt_tokens": measured.pop("tokens"),
        **measured,
        **dataclasses.asdict(features.of(texts)),
        "completion_tokens": len(written),
        "finish": "stop" if stopped else "length",
        "refusal": features.refuses(answer),
        "empty": not answer.strip(),
        **{f"answer_{name}": value for name, value in of_answer.items()},
    }


def _measured(
    asked: Asked, requests: Sequence[Request], common: NDArray[np.bool_]
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the number of each request and what the model says of its prompt."""
    import torch

    read = [one.ids[: min(prompts.MOST, asked.context)] for one in requests]

    def measured(rows: list[int]) -> list[tuple[int, dict[str, Any]]]:
        longest = max(len(read[row]) for row in rows)
        # Padding stands at the end, where a causal model cannot see it.
        padded = [read[row] + [0] * (longest - len(read[row])) for row in rows]
        with torch.inference_mode(), asked.runtime.autocast():
            ids = torch.tensor(padded, device=asked.runtime.device)
            output = asked.model(ids, use_cache=False, output_hidden_states=True)
            logprobs = prompts.foreseen(output.logits, ids).cpu().numpy()
            states = output.hidden_states[-1].float().cpu().numpy()
        lengths = [len(read[row]) for row in rows]
        return [
            (row, prompts.told(
                requests[row].ids, logprobs[place, : length - 1], states[place, :length], common,
                asked.encoder.unknown,
            ))
            for place, (row, length) in enumerate(zip(rows, lengths, strict=True))
        ]  # fmt: skip

    for found in processes.share(_batches(read, asked.batch_tokens), measured):
        yield from found


def _batches(ids: Sequence[list[int]], most: int) -> Iterator[list[int]]:
    """Yield places of prompts that are alike in length."""
    order = sorted(range(len(ids)), key=lambda place: -len(ids[place]))
    start = 0
    while start < len(order):
        rows = max(1, most // len(ids[order[start]]))
        yield order[start : start + rows]
        start += rows


def _written(asked: Asked, requests: Sequence[Request]) -> Iterator[tuple[int, list[int]]]:
    """Yield the number of each request and the tokens of its answer, with the one that ends it."""
    most = asked.section.answer_tokens
    draws = np.random.default_rng(asked.runtime.seed).random((len(requests), most))
    order = sorted(range(len(requests)), key=lambda number: len(requests[number].ids))
    batches = [order[start : start + _TOGETHER] for start in range(0, len(order), _TOGETHER)]
    answers = processes.share(
        batches, lambda rows: _write(asked, [requests[one].ids for one in rows], draws[rows])
    )
    disable = processes.silence()
    bar = tqdm(answers, total=len(batches), desc="reference", unit=" batches", disable=disable)
    for rows, written in zip(batches, bar, strict=True):
        yield from zip(rows, written, strict=True)


def _write(asked: Asked, given: list[list[int]], draws: NDArray[np.float64]) -> list[list[int]]:
    """Return the tokens of answers that are written together.

    All prompts begin at the same place, so that nothing is padding: while the longer ones are still
    read, the shorter ones are gone on with.
    """
    import torch

    ends, place = asked.ends, min(map(len, given))
    written: list[list[int]] = [[] for _ in given]
    rooms = [min(draws.shape[1], asked.context - len(ids)) for ids in given]
    is_open = [True] * len(given)
    ids, cache = [one[:place] for one in given], None
    while any(is_open):
        with torch.inference_mode(), asked.runtime.autocast():
            tokens = torch.tensor(ids, device=asked.runtime.device)
            output = asked.model(tokens, past_key_values=cache, use_cache=True, logits_to_keep=1)
            # As doubles, so that the sum of many small shares does not depend on their order.
            shares = output.logits[:, -1].double().softmax(-1).cpu().numpy()
        cache = output.past_key_values
        ids = [[asked.end] for _ in given]  # nobody reads what follows the end of an answer
        for row, prompt in enumerate(given):
            if place < len(prompt):
                ids[row] = [prompt[place]]
            elif is_open[row]:
                token = _drawn(shares[row], draws[row, len(written[row])])
                written[row].append(token)
                ids[row] = [token]
                is_open[row] = token not in ends and len(written[row]) < rooms[row]
        place += 1
    return written


def _drawn(shares: NDArray[np.float64], at: float) -> int:
    """Return the place in shares at which a part of their sum is reached."""
    sums = np.cumsum(shares)
    return min(int(np.searchsorted(sums, at * sums[-1], side="right")), len(sums) - 1)
