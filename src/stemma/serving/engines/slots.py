"""A cache of keys and values in which sequences of different lengths are computed together.

transformers' own caches hold sequences that grow in step. Here each has a row, and writes at a
place of its own; whoever calls the model masks what lies behind the end of a row.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from transformers.cache_utils import Cache, CacheLayerMixin, DynamicCache, DynamicLayer

_AS_WIDE = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64}


def fits(config: Any) -> bool:
    """Return whether every layer of a model keeps all keys and values, and nothing else."""
    if config.is_encoder_decoder:
        return False
    layers = DynamicCache(config=config).layers
    return bool(layers) and all(type(layer) is DynamicLayer for layer in layers)


class Slots(Cache):
    """Keys and values of a number of sequences.

    Args:
        layers: of the model.
        rows: sequences.
        size: most tokens of one.
    """

    def __init__(self, layers: int, rows: int, size: int) -> None:
        self.rows, self.size = rows, size
        self.first, self.places, self.upto = 0, torch.zeros(0, 0, dtype=torch.long), 0
        super().__init__(layers=[_Layer(self) for _ in range(layers)])

    def at(self, first: int, places: torch.Tensor) -> None:
        """Say where the next call of the model writes.

        Args:
            first: row of the first sequence of the batch; the others follow it.
            places: of the tokens in their sequences, shape (sequences, tokens).
        """
        self.first, self.places = first, places
        self.upto = int(places.max()) + 1

    def mask(self, dtype: torch.dtype) -> torch.Tensor:
        """Return what to add to the scores of attention, shape (sequences, 1, tokens, upto)."""
        seen = torch.arange(self.upto, device=self.places.device) <= self.places[:, None, :, None]
        hidden = torch.finfo(dtype).min
        return torch.zeros(seen.shape, dtype=dtype, device=seen.device).masked_fill_(~seen, hidden)

    def move(self, source: int, target: int, tokens: int) -> None:
        """Copy the first tokens of a row into another one."""
        for layer in self.layers:
            assert isinstance(layer, _Layer)
            assert layer.keys is not None and layer.values is not None
            layer.keys[target, :, :tokens] = layer.keys[source, :, :tokens]
            layer.values[target, :, :tokens] = layer.values[source, :, :tokens]


class _Layer(CacheLayerMixin):
    def __init__(self, slots: Slots) -> None:
        super().__init__()
        self._slots = slots

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        self.keys, self.values = self._room(key_states), self._room(value_states)
        self.is_initialized = True

    def _room(self, like: torch.Tensor) -> torch.Tensor:
        shape = (self._slots.rows, like.shape[1], self._slots.size, like.shape[3])
        if like.device.type != "cpu":
            return like.new_zeros(shape)
        # The system gives zeros page by page, as they are touched; torch would touch them all.
        return torch.from_numpy(np.zeros(shape, _AS_WIDE[like.element_size()])).view(like.dtype)

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        assert self.keys is not None and self.values is not None
        slots = self._slots
        last = slots.first + len(key_states)
        keys, values = self.keys[slots.first : last], self.values[slots.first : last]
        if len(key_states) == 1:
            start, stop = int(slots.places[0, 0]), slots.upto
            keys[:, :, start:stop], values[:, :, start:stop] = key_states, value_states
        else:
            rows = torch.arange(len(key_states), device=keys.device)
            place = slots.places[:, 0]
            keys[rows, :, place] = key_states[:, :, 0]
            values[rows, :, place] = value_states[:, :, 0]
        return keys[:, :, : slots.upto], values[:, :, : slots.upto]

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        return self._slots.upto, 0

    def get_seq_length(self) -> int:
        return self._slots.upto - self._slots.places.shape[1]

    def get_max_length(self) -> int:
        return self._slots.size
