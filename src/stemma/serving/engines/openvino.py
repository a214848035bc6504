"""OpenVINO GenAI: the fastest on processors, for Llamas; it reads GGUF, which is written for it.

Matrices are stored in half precision, or in 8 bits where `dtype` is int8. Arithmetic is in single
precision, or in what the processor does best where `dtype` is bfloat16 or int8 (docs/serve.md says
what that changes). It draws tokens itself, with a seed for each request.
https://docs.openvino.ai/2026/openvino-workflow-generative.html
"""

from __future__ import annotations

import math
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from stemma import extras
from stemma.errors import ModelError, SettingsError
from stemma.files import read_json
from stemma.layout import EXPORTED
from stemma.modeling.export.conventions import context_of
from stemma.modeling.export.formats import gguf
from stemma.serving.engines.sampling import Chosen, Sampler

_EXACT = {"INFERENCE_PRECISION_HINT": "f32", "KV_CACHE_PRECISION": "f32"}
_ROOM = 8192  # tokens of a sequence whose model has no limit of its own
_GIB = 2**30
_FILE = "model.gguf"


class OpenVino:
    """See `Engine`.

    Args:
        folder: with models/exported.
        dtype: float32 (or None), bfloat16 or int8.
        rows: most sequences at once.
        room: most tokens of a sequence; None for what the model allows.

    Raises:
        ModelError: the model is no Llama, or OpenVINO cannot read it.
    """

    generates = True
    keeps_schema = True
    # Where others run, `echo` gives probabilities of other tokens (2026.4.1; docs/faults.md).
    scores_alone = True

    def __init__(self, folder: Path, dtype: str | None, rows: int, room: int | None) -> None:
        exported = folder / EXPORTED
        config = read_json(exported / "config.json")
        self.vocabulary: int = config["vocab_size"]
        self.context = min(filter(None, (context_of(config), room)), default=_ROOM)
        self._dtype = dtype or "float32"
        self._handles: dict[int, tuple[Any, Sampler]] = {}
        self._begun: set[int] = set()
        self._number = 0
        with tempfile.TemporaryDirectory(prefix="stemma-") as name:
            self._pipeline = self._opened(exported, Path(name), rows, _bytes_per_token(config))

    def add(self, key: int, ids: Sequence[int], sampler: Sampler) -> None:  # noqa: D102 (as Engine)
        if sampler.logprobs:
            raise SettingsError(
                "top_logprobs: this engine does not tell how likely other tokens were",
                "ask for 0, or a server with engine=transformers",
            )
        self._handles[key] = self._asked(ids, _settings(sampler, self.context - len(ids))), sampler

    def step(self) -> tuple[list[int], list[tuple[int, Chosen]]]:  # noqa: D102
        self._pipeline.step()
        told = []
        for key, (handle, sampler) in self._handles.items():
            while handle.can_read():
                for output in handle.read().values():
                    pairs = zip(output.generated_ids, output.generated_log_probs, strict=True)
                    for token, logprob in pairs:
                        told.append(
                            (key, Chosen(token, logprob if sampler.logprobs == 0 else None))
                        )
        begun = [key for key, _ in told if key not in self._begun]
        self._begun.update(begun)
        return begun, told

    def drop(self, key: int) -> None:  # noqa: D102
        self._begun.discard(key)
        if key in self._handles:
            self._handles.pop(key)[0].cancel()

    @property
    def busy(self) -> bool:  # noqa: D102
        return bool(self._handles) or self._pipeline.has_non_finished_requests()

    def score(self, ids: Sequence[int]) -> Any:  # noqa: D102
        import openvino_genai
        import torch

        asked = openvino_genai.GenerationConfig()
        asked.max_new_tokens, asked.echo, asked.logprobs = 1, True, 1
        asked.apply_chat_template = False
        handle = self._asked(ids, asked)
        while not handle.can_read():
            self._pipeline.step()
        (output,) = handle.read().values()
        return torch.tensor(output.generated_log_probs[1 : len(ids)])

    def foresee(self, ids: Sequence[int]) -> tuple[Any, None]:  # noqa: D102
        return (self.score(ids) if len(ids) > 1 else None), None

    def states(self, ids: Sequence[int]) -> Any:  # noqa: D102
        raise SettingsError("this engine gives no embeddings", "a server with engine=transformers")

    def classes(self, ids: Sequence[int]) -> Any:  # noqa: D102
        raise SettingsError("this engine gives no classes", "a server with engine=transformers")

    def facts(self) -> dict[str, Any]:  # noqa: D102
        return {
            "engine": "openvino", "dtype": self._dtype, "device": "cpu", "batched": True,
            "bytes": self._bytes,
        }  # fmt: skip

    def _opened(self, exported: Path, place: Path, rows: int, each: int) -> Any:
        try:
            import openvino_genai
        except ImportError as error:
            raise ModelError(
                "openvino-genai is not installed", extras.install("openvino")
            ) from error
        gguf.write(exported, place, "q8_0" if self._dtype == "int8" else "float16")
        self._bytes = (place / _FILE).stat().st_size
        # It writes its own form beside the file, and only from there it can batch.
        openvino_genai.LLMPipeline(str(place / _FILE), "CPU", enable_save_ov_model=True)
        for one in ("config.json", "generation_config.json"):
            if (exported / one).exists():
                shutil.copyfile(exported / one, place / one)
        scheduler = openvino_genai.SchedulerConfig()
        scheduler.max_num_seqs = rows
        scheduler.enable_prefix_caching = False
        scheduler.cache_size = max(1, math.ceil(rows * self.context * each / _GIB))
        exact = _EXACT if self._dtype == "float32" else {}
        return openvino_genai.ContinuousBatchingPipeline(str(place), scheduler, "CPU", exact)

    def _asked(self, ids: Sequence[int], settings: Any) -> Any:
        import openvino

        self._number += 1
        tokens = openvino.Tensor(np.array([ids], dtype=np.int64))
        return self._pipeline.add_request(self._number, tokens, settings)


def _settings(sampler: Sampler, room: int) -> Any:
    import openvino_genai

    found = openvino_genai.GenerationConfig()
    found.max_new_tokens, found.ignore_eos, found.apply_chat_template = room, True, False
    found.logprobs = 1
    found.do_sample = sampler.temperature > 0
    if found.do_sample:
        found.temperature, found.top_p = sampler.temperature, sampler.top_p
        found.top_k = sampler.top_k or 2**31
        found.rng_seed = sampler.seed % 2**63
    if sampler.schema is not None:
        import json

        told = openvino_genai.StructuredOutputConfig(json_schema=json.dumps(sampler.schema))
        found.structured_output_config = told
    return found


def _bytes_per_token(config: dict[str, Any]) -> int:
    """Return the bytes that keys and values of a token take, in single precision."""
    heads = config["num_attention_heads"]
    size = config.get("head_dim") or config["hidden_size"] // heads
    return 8 * config["num_hidden_layers"] * config.get("num_key_value_heads", heads) * size
