"""Talks with a server: one conversation, its answers piece by piece."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any, Literal

from stemma import extras
from stemma.store.errors import ProjectError

if TYPE_CHECKING:
    import httpx

Does = Literal["chats", "continues", "classifies"]
DEFAULT_URL = "http://127.0.0.1:8000"
_TOKENS = 256
"""Most tokens of an answer where nobody says it; half the context, if that is less."""
_CONNECT, _SILENCE = 10, 600  # seconds
_DONE = "[DONE]"
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class ServerError(ProjectError):
    """The server refuses, or cannot be understood."""


@dataclasses.dataclass(frozen=True)
class Sampling:
    """How an answer is drawn.

    Attributes:
        temperature: 0 for the likeliest tokens; None for the server's own.
        max_tokens: most tokens of an answer; None for as many as fit well.
    """

    temperature: float | None = None
    max_tokens: int | None = None


class Talk:
    """A conversation; of a version without a chat template, texts that it continues.

    Args:
        client: asks the server.
        facts: as ``GET /version`` tells them, of the version that is meant.
        model: by which it is asked.
        sampling: how answers are drawn.

    Attributes:
        model: by which the server is asked.
        version: that answered last, or will answer.
        does: what it does with a text.
        system: what stands before the conversation; "" for nothing.
        messages: what was said so far.
        answer: the id of the last answer; None before there is one.
    """

    def __init__(
        self, client: httpx.Client, facts: dict[str, Any], model: str, sampling: Sampling
    ) -> None:
        self._client, self._engine = client, facts["engine"]
        self.model, self.version = model, str(facts.get("id") or facts.get("version") or model)
        self.does = _does(self._engine, self.version)
        self.system = ""
        self.messages: list[dict[str, str]] = []
        self.answer: str | None = None
        self._given = dataclasses.asdict(sampling)
        if sampling.max_tokens is None:
            self._given["max_tokens"] = max(1, min(_TOKENS, (self._engine["context"] or 512) // 2))

    def new(self) -> None:
        """Forget what was said."""
        self.messages.clear()

    def ask(self, text: str) -> Generator[str]:
        """Yield the answer to a message piece by piece; what is left of it is not asked for.

        Raises:
            ServerError: the server refuses, or the answer breaks off.
            ProjectError: there is no server any more.
        """
        self.answer = None
        if self.does == "classifies":
            yield self._class_of(text)
            return
        sampling = {key: value for key, value in self._given.items() if value is not None}
        asked: dict[str, Any] = {"model": self.model, "stream": True, **sampling}
        if self.does == "continues":
            yield from self._pieces("/v1/completions", {**asked, "prompt": text})
            return
        said = {"role": "user", "content": text}
        system = [{"role": "system", "content": self.system}] if self.system else []
        answer: list[str] = []
        body = {**asked, "messages": [*system, *self.messages, said]}
        try:
            for piece in self._pieces("/v1/chat/completions", body):
                answer.append(piece)
                yield piece
        finally:
            # Of what failed before its first word nothing was said.
            if answer:
                self.messages += [said, {"role": "assistant", "content": "".join(answer)}]

    def judge(self, thumb: str | None = None, correction: str | None = None) -> None:
        """Say of the last answer whether it was good, or what it should have been.

        Raises:
            ServerError: the server does not take it, or there is no answer yet.
            ProjectError: there is no server any more.
        """
        if self.answer is None:
            raise ServerError("there is no answer to judge", "ask something first")
        said = {"thumb": thumb, "correction": correction}
        with _told(self._client):
            response = self._client.post("/v1/feedback", json={"response_id": self.answer, **said})
            _check(response)

    def _pieces(self, path: str, body: dict[str, Any]) -> Iterator[str]:
        with _told(self._client), self._client.stream("POST", path, json=body) as response:
            self._check(response)
            for line in response.iter_lines():
                data = line.removeprefix("data:").strip()
                if data == _DONE:
                    return
                if line.startswith("data:"):
                    chunk = _json(data, self._client)
                    self.answer = chunk.get("id") or self.answer
                    yield from _piece(chunk)
        raise ServerError("the answer broke off before its end", "ask again")

    def _class_of(self, text: str) -> str:
        with _told(self._client):
            response = self._client.post("/classify", json={"model": self.model, "input": text})
            self._check(response)
        found = _json(response.text, self._client)["data"][0]
        if "tokens" in found:
            return " ".join(f"{text[one['start'] : one['end']]}/{one['label']}"
                            for one in found["tokens"])  # fmt: skip
        return f"{found['label']} ({100 * max(found['probs']):.1f} %)"

    def _check(self, response: httpx.Response) -> None:
        _check(response)
        self.version = response.headers.get("X-Stemma-Version", self.version)


@contextlib.contextmanager
def connected(
    url: str, key: str | None = None, model: str | None = None, sampling: Sampling | None = None
) -> Iterator[Talk]:
    """Yield a conversation with a server.

    Args:
        url: of the server, without ``/v1``.
        key: that it asks for.
        model: which of its versions; None for whichever is the current one.
        sampling: how answers are drawn.

    Raises:
        ProjectError: there is no server.
        ServerError: it refuses, has no such version, or what answers is no server of Stemma.
    """
    try:
        import httpx
    except ImportError as error:
        raise ProjectError(
            f"`stemma chat` needs a package that is not installed: {error.name}",
            f"`{extras.install('serve')}` installs it",
        ) from error
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    timeout = httpx.Timeout(_CONNECT, read=_SILENCE)
    try:
        # No proxy leads to loopback.
        far = httpx.URL(url).host not in _LOOPBACK
        client = httpx.Client(
            base_url=url.rstrip("/"), headers=headers, timeout=timeout, trust_env=far
        )
    except (httpx.InvalidURL, ValueError) as error:
        raise ServerError(f"{url} is no address: {error}", f"such as {DEFAULT_URL}") from error
    with client:
        with _told(client):
            response = client.get("/version")
        _check(response)
        told = _json(response.text, client)
        if "engine" not in told or "version" not in told:
            raise ServerError(f"what answers at {url} is no server of Stemma", "see --url")
        # The name of the model follows a change-over, that of a version does not.
        name = model or str(told.get("artifact") or told["version"])
        yield Talk(client, _facts(told, model), name, sampling or Sampling())


def _facts(told: dict[str, Any], model: str | None) -> dict[str, Any]:
    if model in (None, told["version"], told.get("artifact")):
        return told
    served = {one["id"]: one for one in told.get("models", ())}
    if model not in served:
        raise ServerError(f"'{model}' is not served there", f"there are {', '.join(served)}")
    return served[model]


def _does(engine: dict[str, Any], version: str) -> Does:
    if engine.get("generates"):
        return "chats" if engine.get("chat") else "continues"
    if engine.get("labels"):
        return "classifies"
    raise ServerError(
        f"{version} neither writes nor classifies", "its embeddings are at /v1/embeddings"
    )


def _piece(chunk: dict[str, Any]) -> Iterator[str]:
    if "error" in chunk:
        raise ServerError(str(chunk["error"].get("message")), "ask again")
    for choice in chunk.get("choices", ()):
        text = choice.get("delta", {}).get("content") or choice.get("text")
        if text:
            yield text


def _json(text: str, client: httpx.Client) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ServerError(f"what answers at {client.base_url} is no server of Stemma", "see --url")
    return found


def _check(response: httpx.Response) -> None:
    if response.is_success:
        return
    try:
        told = json.loads(response.read())["error"]["message"]
    except (ValueError, LookupError, TypeError):
        told = f"the server answered {response.status_code} {response.reason_phrase}"
    hints = {401: "--key or STEMMA_API_KEY gives one", 429: "wait a moment", 503: "wait a moment"}
    raise ServerError(str(told), hints.get(response.status_code, ""))


@contextlib.contextmanager
def _told(client: httpx.Client) -> Iterator[None]:
    """Let what fails on the way be one line."""
    import httpx

    try:
        yield
    except httpx.ConnectError as error:
        raise ProjectError(
            f"no server answers at {client.base_url}",
            "`stemma serve` starts one, `stemma chat VERSION` one of its own",
        ) from error
    except httpx.HTTPError as error:
        raise ServerError(f"the server did not answer: {error or type(error).__name__}") from error
