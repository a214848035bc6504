"""transformers' models, on a CPU or a GPU, many sequences at once where their cache allows it.

transformers' own continuous batching runs on pages, which on a processor costs more than the model
itself (docs/serve.md has the figures), and has one seed for all requests. Here the models are
transformers', the batch is a plain one, and each sequence chooses its tokens by itself.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from stemma.modeling.export.conventions import context_of
from stemma.modeling.prompts import foreseen
from stemma.registry.stored import load_stored
from stemma.serving.engines import slots
from stemma.serving.engines.sampling import Chosen, Sampler

CHUNK = 256
"""Tokens of prompts that are computed before running sequences have their turn again."""
_ROOM = 8192  # tokens of a sequence whose model has no limit of its own


@dataclasses.dataclass
class _Sequence:
    key: int
    ids: list[int]
    sampler: Sampler
    done: int = 0  # tokens that the cache holds
    cache: Any = None  # of its own, where it is not in a batch
    encoded: Any = None  # what an encoder made of the prompt


class Transformers:
    """See `Engine`.

    Args:
        folder: with models/exported, and models/base if that is an adapter.
        dtype: of the weights and of all arithmetic; None for the one that is stored.
        rows: most sequences at once.
        batched: whether they are computed together; otherwise in turn, each as if alone.
        room: most tokens of a sequence; None for what the model allows.
    """

    keeps_schema = False
    scores_alone = False

    def __init__(
        self, folder: Path, dtype: str | None, rows: int, batched: bool, room: int | None
    ) -> None:
        self.model: Any = load_stored(folder)
        if dtype is not None:
            self.model = self.model.to(getattr(torch, dtype))
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self.model = self.model.to(self._device).eval()
        config = self.model.config.get_text_config()
        self.vocabulary = config.vocab_size
        self.generates = self.model.can_generate()
        own = context_of(self.model.config.to_dict())
        self.context = min(filter(None, (own, room)), default=None)
        self._encodes = bool(self.model.config.is_encoder_decoder)
        self._rows = rows
        self._waiting: list[_Sequence] = []
        self._filling: _Sequence | None = None
        self._running: list[_Sequence] = []
        self._slots = None
        if self.generates and batched and rows > 1 and slots.fits(config):
            # One row more, for the prompt that is being filled in.
            size = self.context or _ROOM
            self._slots = slots.Slots(config.num_hidden_layers, rows + 1, size)
            self.context = size

    def add(self, key: int, ids: Sequence[int], sampler: Sampler) -> None:  # noqa: D102 (as Engine)
        self._waiting.append(_Sequence(key, list(ids), sampler))

    @property
    def busy(self) -> bool:  # noqa: D102
        return bool(self._waiting or self._running or self._filling)

    @torch.inference_mode()
    def drop(self, key: int) -> None:  # noqa: D102
        self._waiting = [one for one in self._waiting if one.key != key]
        if self._filling and self._filling.key == key:
            self._filling = None
        place = next((n for n, one in enumerate(self._running) if one.key == key), None)
        if place is None:
            return
        last = len(self._running) - 1
        if self._slots:
            # Rows stay without gaps: the last one takes the place, the one being filled follows.
            if place != last:
                self._slots.move(last, place, self._running[last].done)
            if self._filling and self._filling.done:
                self._slots.move(last + 1, last, self._filling.done)
        self._running[place] = self._running[last]
        self._running.pop()

    @torch.inference_mode()
    def step(self) -> tuple[list[int], list[tuple[int, Chosen]]]:  # noqa: D102
        begun: list[int] = []
        told = self._go_on()
        # So many short prompts at once that those who run wait no longer than for a long one.
        left = CHUNK
        while left > 0 and (one := self._next(begun)):
            left -= len(one.ids) - one.done
            told += self._fill(one)
        return begun, told

    def _next(self, begun: list[int]) -> _Sequence | None:
        """Return the sequence whose prompt is to be filled in; None if there is none, or no row."""
        if self._filling is None and self._waiting and len(self._running) < self._rows:
            self._filling = self._waiting.pop(0)
            begun.append(self._filling.key)
        return self._filling

    def _go_on(self) -> list[tuple[int, Chosen]]:
        """Compute the next token of each running sequence."""
        if not self._running:
            return []
        if self._slots:
            scores = self._batch([one.ids[-1:] for one in self._running], 0)
        else:
            scores = [self._alone(one, one.ids[-1:]) for one in self._running]
        return [
            self._chosen(one, score) for one, score in zip([*self._running], scores, strict=True)
        ]

    def _fill(self, one: _Sequence) -> list[tuple[int, Chosen]]:
        """Compute some of a prompt, and its first token if that was the rest of it."""
        if self._encodes:
            return self._encode(one)
        part = one.ids[one.done : one.done + CHUNK]
        if self._slots:
            (scores,) = self._batch([part], len(self._running), one.done)
        else:
            scores = self._alone(one, part)
        one.done += len(part)
        if one.done < len(one.ids):
            return []
        self._filling = None
        self._running.append(one)
        one.done -= 1  # `_chosen` counts the token that was computed
        return [self._chosen(one, scores)]

    def _chosen(self, one: _Sequence, scores: torch.Tensor) -> tuple[int, Chosen]:
        one.done += 1
        chosen = one.sampler(scores.float().cpu())
        one.ids.append(chosen.token)
        return one.key, chosen

    def _batch(self, ids: list[list[int]], first: int, start: int | None = None) -> torch.Tensor:
        """Return the scores behind the last token of each; they lie in rows from ``first`` on."""
        assert self._slots
        if start is None:
            places = torch.tensor([[one.done] for one in self._running], device=self._device)
        else:
            places = torch.arange(start, start + len(ids[0]), device=self._device)[None]
        self._slots.at(first, places)
        output = self.model(
            input_ids=torch.tensor(ids, device=self._device), position_ids=places,
            attention_mask=self._slots.mask(self.model.dtype), past_key_values=self._slots,
            use_cache=True, logits_to_keep=1,
        )  # fmt: skip
        return output.logits[:, -1]

    def _alone(self, one: _Sequence, ids: list[int]) -> torch.Tensor:
        """Return the scores behind the last of the ids, with a cache of the sequence's own."""
        tokens = torch.tensor([ids], device=self._device)
        asked: dict[str, Any] = {"past_key_values": one.cache, "use_cache": True}
        if self._encodes:
            asked |= {"encoder_outputs": one.encoded, "decoder_input_ids": tokens}
        else:
            asked |= {"input_ids": tokens, "logits_to_keep": 1}
        output = self.model(**asked)
        one.cache = output.past_key_values
        return output.logits[0, -1]

    def _encode(self, one: _Sequence) -> list[tuple[int, Chosen]]:
        ids = torch.tensor([one.ids], device=self._device)
        one.encoded = self.model.get_encoder()(input_ids=ids)
        self._filling = None
        self._running.append(one)
        start = self.model.generation_config.decoder_start_token_id
        return [self._chosen(one, self._alone(one, [start]))]

    @torch.inference_mode()
    def score(self, ids: Sequence[int]) -> torch.Tensor:  # noqa: D102
        tokens = torch.tensor([list(ids)], device=self._device)
        scores = self.model(input_ids=tokens, use_cache=False).logits[0, :-1].float()
        return scores.log_softmax(-1).gather(-1, tokens[0, 1:, None])[:, 0].cpu()

    @torch.inference_mode()
    def foresee(  # noqa: D102
        self, ids: Sequence[int]
    ) -> tuple[torch.Tensor | None, torch.Tensor | None]:
        if self._encodes or not self.generates:
            return None, self.states(ids)
        tokens = torch.tensor([list(ids)], device=self._device)
        output = self.model(input_ids=tokens, use_cache=False, output_hidden_states=True)
        return foreseen(output.logits, tokens)[0].cpu(), output.hidden_states[-1][0].float().cpu()

    @torch.inference_mode()
    def states(self, ids: Sequence[int]) -> torch.Tensor:  # noqa: D102
        tokens = torch.tensor([list(ids)], device=self._device)
        inner = self.model.get_encoder() if self._encodes else self.model.base_model
        return inner(input_ids=tokens).last_hidden_state[0].float().cpu()

    @torch.inference_mode()
    def classes(self, ids: Sequence[int]) -> torch.Tensor:  # noqa: D102
        tokens = torch.tensor([list(ids)], device=self._device)
        return self.model(input_ids=tokens).logits[0].float().cpu()

    def facts(self) -> dict[str, Any]:  # noqa: D102
        told: dict[str, Any] = {
            "engine": "transformers",
            "dtype": str(self.model.dtype).removeprefix("torch."),
            "device": self._device,
            "batched": self._slots is not None,
            "bytes": sum(one.nbytes for one in self.model.parameters()),
        }
        if (
            "ForSequenceClassification" in type(self.model).__name__
            or "ForToken" in type(self.model).__name__
        ):
            names = self.model.config.id2label
            told["labels"] = [names[index] for index in range(len(names))]
        return told
