"""Answers the messages of a server: one JSON object per line, in and out.

In:   {"do": "generate", "id": 1, "prompts": […], "n": 2, …}   {"do": "cancel", "id": 1}
      {"do": "embed" | "classify" | "score", "id": 2, "text": …}
      {"do": "measure", "id": 2, "prompts": […], "common": "…" or null}
Out:  {"id": 1, "prompt_tokens": 9}   {"id": 1, "begun": true}
      {"id": 1, "index": 0, "text": "…", "tokens": 3, "finish": null}   {"id": 1, "done": true}
      {"id": 2, "result": …}   {"id": 3, "error": "…", "hint": "…", "status": 400}
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from stemma.errors import ModelError, SettingsError, StemmaError
from stemma.modeling.prompts import unpacked
from stemma.serving.engines.engine import Engine
from stemma.serving.engines.sampling import Chosen, Sampler
from stemma.serving.worker.answers import Answer
from stemma.serving.worker.grammar import Grammars
from stemma.serving.worker.measuring import measured
from stemma.serving.worker.prompts import Prompts
from stemma.serving.worker.writing import Writer

Send = Callable[[dict[str, Any]], None]
_INTERNAL = 500
_WAITING = 32  # texts to be scored, until nothing runs


class Worker:
    """Runs the requests of one version.

    Args:
        engine: computes its tokens.
        prompts: its tokenizer.
        send: takes each message to the server.
    """

    def __init__(self, engine: Engine, prompts: Prompts, send: Send) -> None:
        self._engine, self._prompts, self._send = engine, prompts, send
        self._grammars = Grammars(prompts.folder, engine.vocabulary, prompts.ends)
        self._answers: dict[int, Answer] = {}
        self._next = 0
        self._begun: set[int] = set()
        self._later: list[dict[str, Any]] = []

    @property
    def busy(self) -> bool:
        """Whether there is anything to compute."""
        return self._engine.busy or bool(self._later)

    def handle(self, message: dict[str, Any]) -> None:
        """Take in a message."""
        do = {
            "generate": self._generate, "cancel": self._cancel, "embed": self._embed,
            "classify": self._classify, "score": self._score, "measure": self._measure,
        }[message["do"]]  # fmt: skip
        try:
            do(message)
        except StemmaError as error:
            self._refuse(message["id"], error)
        except MemoryError:
            raise
        # One request that nobody has thought of must not end those of others.
        except Exception as error:  # noqa: BLE001
            self._refuse(message["id"], ModelError(f"the engine met {error!r}"))

    def turn(self) -> None:
        """Compute one token of each answer that runs, or what waits until none does."""
        if not self._engine.busy:
            self.handle(self._later.pop(0))
            return
        try:
            begun, told = self._engine.step()
        except ModelError as error:
            # It cannot be told whose scores they were: nobody gets an answer made of them.
            for request in {one.request for one in self._answers.values()}:
                self._cancel({"id": request})
                self._refuse(request, error)
            return
        for key in begun:
            request = self._answers[key].request
            if request not in self._begun:
                self._begun.add(request)
                self._send({"id": request, "begun": True})
        for key, chosen in told:
            # An engine may be a token ahead of the end of an answer.
            if key in self._answers:
                self._tell(key, chosen)

    def _tell(self, key: int, chosen: Chosen) -> None:
        answer = self._answers[key]
        try:
            told = answer.take(chosen, self._prompts.tokenizer)
        except StemmaError as error:
            self._cancel({"id": answer.request})
            self._refuse(answer.request, error)
            return
        self._send(told)
        if told["finish"]:
            self._forget(key)
            if not any(one.request == answer.request for one in self._answers.values()):
                self._begun.discard(answer.request)
                self._send({"id": answer.request, "done": True})

    def _forget(self, key: int) -> None:
        self._engine.drop(key)
        del self._answers[key]

    def _generate(self, asked: dict[str, Any]) -> None:
        if not self._engine.generates:
            raise SettingsError("this model writes no text", "ask /classify or /v1/embeddings")
        prompts = [self._prompts.ids(prompt) for prompt in asked["prompts"]]
        # All is checked before anything of it is computed.
        answers = [
            (ids, self._answer(asked, ids, index * asked["n"] + number))
            for index, ids in enumerate(prompts)
            for number in range(asked["n"])
        ]
        self._send({"id": asked["id"], "prompt_tokens": sum(map(len, prompts))})
        for ids, answer in answers:
            self._next += 1
            self._answers[self._next] = answer
            self._engine.add(self._next, ids, answer.sampler)

    def _answer(self, asked: dict[str, Any], ids: list[int], index: int) -> Answer:
        room = self._room(len(ids), asked["max_tokens"], asked["strict"])
        schema, own = asked["schema"], self._engine.keeps_schema
        grammar = None if schema is None or own else self._grammars.of(schema)
        sampler = Sampler(
            asked["temperature"], asked["top_p"], asked["top_k"], asked["seed"] + index,
            asked["logprobs"], grammar.allow if grammar else None, schema,
        )  # fmt: skip
        writer = Writer(self._prompts.tokenizer, asked["stop"])
        ends = frozenset() if asked["ignore_eos"] else self._prompts.ends
        return Answer(asked["id"], index, room, sampler, writer, grammar, ends)

    def _room(self, prompt: int, wanted: int, strict: bool) -> int:
        """Return how many tokens an answer may have."""
        if self._engine.context is None:
            return wanted
        room = self._engine.context - prompt
        if room < 1 or (strict and room < wanted):
            more = f" and {wanted} more" if strict else ""
            raise SettingsError(
                f"the prompt has {prompt} tokens{more}, and the model sees {self._engine.context}",
                "make it shorter",
            )
        return min(wanted, room)

    def _cancel(self, asked: dict[str, Any]) -> None:
        self._later = [one for one in self._later if one["id"] != asked["id"]]
        for key in [key for key, one in self._answers.items() if one.request == asked["id"]]:
            self._forget(key)
        self._begun.discard(asked["id"])

    def _embed(self, asked: dict[str, Any]) -> None:
        ids = self._fitting(asked["text"])
        found = self._engine.states(ids).mean(0)
        self._finite(found)
        self._send({"id": asked["id"], "result": found.tolist(), "prompt_tokens": len(ids)})

    def _classify(self, asked: dict[str, Any]) -> None:
        if self._engine.generates or "labels" not in self._engine.facts():
            raise SettingsError("this model is no classifier", "ask /v1/completions")
        ids = self._fitting(asked["text"])
        shares = self._engine.classes(ids).softmax(-1)
        self._finite(shares)
        result: dict[str, Any] = {"shares": shares.tolist()}
        if shares.ndim > 1:
            result["places"] = self._prompts.pieces(asked["text"])
        self._send({"id": asked["id"], "result": result, "prompt_tokens": len(ids)})

    def _score(self, asked: dict[str, Any]) -> None:
        """Tell how well the model foresees a text, in bits per byte of UTF-8."""
        if self._put_off(asked):
            return
        ids = self._fitting(asked["text"])
        if len(ids) < 2:
            raise SettingsError("the text has one token, of which nothing is foreseen")
        scores = self._engine.score(ids)
        self._finite(scores)
        bits = -float(scores.double().sum()) / math.log(2)
        self._send({"id": asked["id"], "result": bits / len(asked["text"].encode())})

    def _measure(self, asked: dict[str, Any]) -> None:
        """Tell what the model says of prompts; it delays those who run by a pass for each."""
        if self._put_off(asked):
            return
        common = asked["common"] and unpacked(asked["common"])
        found = [measured(self._engine, self._prompts, one, common) for one in asked["prompts"]]
        self._send({"id": asked["id"], "result": found})

    def _put_off(self, asked: dict[str, Any]) -> bool:
        """Say whether texts cannot be scored now; it is then done when nothing runs any more.

        Raises:
            ModelError: too many wait for that already.
        """
        if not (self._engine.scores_alone and self._engine.busy):
            return False
        if len(self._later) >= _WAITING:
            raise ModelError("this engine scores texts while nothing else runs")
        self._later.append(asked)
        return True

    def _fitting(self, text: str) -> list[int]:
        ids = self._prompts.ids(text)
        if self._engine.context is not None and len(ids) > self._engine.context:
            raise SettingsError(
                f"input: it has {len(ids)} tokens, and the model sees {self._engine.context}",
                "make it shorter",
            )
        return ids

    def _finite(self, found: Any) -> None:
        if not found.isfinite().all():
            raise ModelError("the model's scores are no numbers", "`stemma show` tells what it is")

    def _refuse(self, request: int, error: StemmaError) -> None:
        status = 400 if isinstance(error, SettingsError) else _INTERNAL
        self._send({"id": request, "error": error.message, "hint": error.hint, "status": status})
