"""vLLM as an engine: started on the exported files, on loopback, and asked over HTTP.

For GPUs and clusters. It runs in an environment of its own, which the setting `vllm` names; clients
meet the same endpoints, checks and metrics as with any engine.
https://docs.vllm.ai/en/stable/serving/openai_compatible_server/
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import os
import shlex
import signal
import socket
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import numpy as np

from stemma.errors import ModelError
from stemma.files import read_json
from stemma.layout import EXPORTED
from stemma.modeling.prompts import MOST
from stemma.modeling.prompts import told as told_of
from stemma.serving.process import GoneError, RefusedRequestError
from stemma.serving.settings import ServingSettings

_NAME = "model"
_PAUSE = 0.5  # seconds between two looks whether it is ready
_KEPT = 20  # lines that it said last
_ITS_FAULT = 500


class Vllm:
    """See `Backend`.

    Args:
        folder: with models/exported.
        settings: how it is served.
    """

    def __init__(self, folder: Path, settings: ServingSettings) -> None:
        self._folder, self._settings = folder / EXPORTED, settings
        stored = read_json(self._folder / "config.json").get("dtype", "auto")
        self._dtype = str(settings.dtype or stored)
        self._process: asyncio.subprocess.Process | None = None
        self._client: Any = None
        self._said: list[str] = []
        self._tasks: list[asyncio.Task[None]] = []
        self.ended = asyncio.Event()

    async def start(self, seconds: float) -> dict[str, Any]:  # noqa: D102 (as Backend)
        import httpx

        port = _free_port()
        words = [
            *shlex.split(self._settings.vllm), "serve", str(self._folder), "--host", "127.0.0.1",
            "--port", str(port), "--served-model-name", _NAME, "--max-num-seqs",
            str(self._settings.running),
        ]  # fmt: skip
        # "auto" would make half precision of single.
        words += ["--dtype", self._dtype]
        if self._settings.room:
            words += ["--max-model-len", str(self._settings.room)]
        try:
            self._process = await asyncio.create_subprocess_exec(
                *words, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT, start_new_session=True,
                env=os.environ | {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"},
            )  # fmt: skip
        except OSError as error:
            raise ModelError(
                f"vLLM cannot be started by `{words[0]}`: {error.strerror}",
                "the setting vllm names its command, such as vllm=VENV/bin/vllm",
            ) from error
        self._tasks = [asyncio.create_task(self._overhear())]
        self._client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=None)
        return await self._ready(seconds)

    async def ask(self, message: dict[str, Any]) -> AsyncGenerator[dict[str, Any]]:  # noqa: D102
        import httpx

        if self.ended.is_set():
            raise GoneError("vLLM has ended")
        does = {"generate": self._generate, "score": self._score, "measure": self._measure}
        do = does.get(message["do"])
        if do is None:
            raise RefusedRequestError("vLLM was started to write texts", "ask another engine", 400)
        try:
            async with contextlib.aclosing(do(message)) as answers:
                async for told in answers:
                    yield told
        except httpx.HTTPError as error:
            raise GoneError(f"vLLM does not answer: {error!r}") from error

    async def stop(self) -> None:  # noqa: D102
        if self._client is not None:
            await self._client.aclose()
        if self._process is not None:
            # Its engine is a process of its own.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            await self._process.wait()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _ready(self, seconds: float) -> dict[str, Any]:
        import httpx

        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not self.ended.is_set():
                    with contextlib.suppress(httpx.HTTPError):
                        if (await self._client.get("/health")).is_success:
                            return await self._facts()
                    await asyncio.sleep(_PAUSE)
        told = next((line for line in reversed(self._said) if "Error" in line), "")
        await self.stop()
        raise ModelError(f"vLLM was not ready after {seconds:g} s: {told or self._said[-1:]}")

    async def _facts(self) -> dict[str, Any]:
        (card,) = (await self._client.get("/v1/models")).json()["data"]
        version = (await self._client.get("/version")).json()["version"]
        config = read_json(self._folder / "tokenizer_config.json")
        chat = "chat_template" in config or (self._folder / "chat_template.jinja").exists()
        return {
            "engine": f"vllm-{version}", "dtype": self._dtype, "device": "vllm",
            "batched": True, "context": card["max_model_len"], "generates": True, "chat": chat,
        }  # fmt: skip

    async def _generate(self, asked: dict[str, Any]) -> AsyncGenerator[dict[str, Any]]:
        is_chat = isinstance(asked["prompts"][0], list) and isinstance(asked["prompts"][0][0], dict)
        path = "/v1/chat/completions" if is_chat else "/v1/completions"
        begun, left = False, len(asked["prompts"]) * asked["n"]
        counts: dict[int, int] = {}
        async with self._client.stream("POST", path, json=_body(asked, is_chat)) as answer:
            if not answer.is_success:
                raise _refusal(await answer.aread(), answer.status_code)
            async for line in answer.aiter_lines():
                data = line.removeprefix("data: ")
                if data in ("", "[DONE]"):
                    continue
                told = json.loads(data)
                if "error" in told:
                    raise _refusal(data.encode(), told["error"].get("code") or 500)
                if not begun and told.get("usage"):
                    begun = True
                    yield {"prompt_tokens": told["usage"]["prompt_tokens"]}
                    yield {"begun": True}
                for choice in told["choices"]:
                    piece = _piece(choice, is_chat, counts)
                    left -= bool(piece["finish"])
                    yield piece
        if left:
            raise GoneError("vLLM ended before it had answered")
        yield {"done": True}

    async def _score(self, asked: dict[str, Any]) -> AsyncGenerator[dict[str, Any]]:
        logprobs = await self._logprobs(asked["text"])
        if not logprobs:
            raise RefusedRequestError("the text has one token", "ask with a longer one", 400)
        bits = -math.fsum(logprobs) / math.log(2)
        yield {"result": bits / len(asked["text"].encode())}

    async def _measure(self, asked: dict[str, Any]) -> AsyncGenerator[dict[str, Any]]:
        result = []
        for prompt in asked["prompts"]:
            logprobs = await self._logprobs(prompt)
            read = np.array(logprobs[: MOST - 1])
            # It gives neither states nor the first token.
            result.append(told_of([0] * (len(logprobs) + 1), read, None, None, None))
        yield {"result": [one | {"unknown": None} for one in result]}

    async def _logprobs(self, prompt: Any) -> list[float]:
        """Return the natural logarithm of the probability of each token of a prompt but the first.

        Raises:
            RefusedRequestError: vLLM does not take it.
        """
        body: dict[str, Any] = {"model": _NAME, "max_tokens": 1, "prompt_logprobs": 0}
        is_chat = isinstance(prompt, list) and isinstance(prompt[0], dict)
        path = "/v1/chat/completions" if is_chat else "/v1/completions"
        body |= {"messages": prompt} if is_chat else {"prompt": prompt}
        answer = await self._client.post(path, json=body)
        if not answer.is_success:
            raise _refusal(answer.content, answer.status_code)
        told = answer.json()
        scores = told if is_chat else told["choices"][0]
        return [next(iter(one.values()))["logprob"] for one in scores["prompt_logprobs"][1:]]

    async def _overhear(self) -> None:
        assert self._process and self._process.stdout
        async for line in self._process.stdout:
            self._said = [*self._said, line.decode(errors="replace").strip()][-_KEPT:]
        await self._process.wait()
        self.ended.set()


def _body(asked: dict[str, Any], is_chat: bool) -> dict[str, Any]:
    """Return a request as vLLM takes it."""
    body: dict[str, Any] = {
        "model": _NAME, "stream": True, "n": asked["n"], "temperature": asked["temperature"],
        "top_p": asked["top_p"], "top_k": asked["top_k"] or -1, "seed": asked["seed"] % 2**63,
        "stop": asked["stop"], "ignore_eos": asked["ignore_eos"],
        "stream_options": {"include_usage": True, "continuous_usage_stats": True},
    }  # fmt: skip
    # Where no length is asked for, vLLM takes what is left.
    if asked["strict"] or not is_chat:
        body["max_tokens"] = asked["max_tokens"]
    if asked["logprobs"] is not None:
        told = {"logprobs": True, "top_logprobs": asked["logprobs"]}
        body |= told if is_chat else {"logprobs": asked["logprobs"]}
    if asked["schema"] is not None:
        body["structured_outputs"] = {"json": asked["schema"]}
    if is_chat:
        return body | {"messages": asked["prompts"][0]}
    prompts = asked["prompts"]
    return body | {"prompt": prompts[0] if len(prompts) == 1 else prompts}


def _piece(choice: dict[str, Any], is_chat: bool, counts: dict[int, int]) -> dict[str, Any]:
    """Return a choice of a chunk as `stemma.serving.worker.worker` has it."""
    index = choice["index"]
    text = (choice["delta"].get("content") or "") if is_chat else choice["text"]
    counts[index] = counts.get(index, 0) + bool(text)
    piece = {
        "index": index, "text": text, "tokens": counts[index], "finish": choice["finish_reason"],
    }  # fmt: skip
    logprobs = choice.get("logprobs")
    if logprobs and is_chat:
        piece["logprobs"] = logprobs["content"]
    elif logprobs:
        piece["logprobs"] = [
            {
                "token": token, "bytes": [*token.encode()], "logprob": logprob,
                "top_logprobs": [
                    {"token": one, "bytes": [*one.encode()], "logprob": value}
                    for one, value in (top or {}).items()
                ],
            }
            for token, logprob, top in zip(
                logprobs["tokens"], logprobs["token_logprobs"],
                logprobs["top_logprobs"] or [None] * len(logprobs["tokens"]), strict=True,
            )
        ]  # fmt: skip
    return piece


def _refusal(raw: bytes, status: int) -> RefusedRequestError | GoneError:
    try:
        told = json.loads(raw)["error"]["message"]
    except (ValueError, LookupError, TypeError):
        told = raw.decode(errors="replace")[:200]
    line = " ".join(str(told).split())
    if status >= _ITS_FAULT:
        return GoneError(f"vLLM: {line}")
    return RefusedRequestError(line, "", status)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]
