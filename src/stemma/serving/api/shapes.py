"""The shapes of answers, for the description alone: endpoints build them as plain dicts."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from stemma.serving.api.fields import Usage

Finish = Literal["stop", "length"]


class Shape(BaseModel):
    """An object that has these fields and no others."""

    model_config = ConfigDict(extra="forbid")


class Head(Shape):
    """What answers of text begin with."""

    id: str
    object: str
    created: int
    model: str
    system_fingerprint: str


class TopLogprob(Shape):
    """A token that could have come, and the natural logarithm of its probability."""

    token: str
    bytes: list[int] | None
    logprob: float


class TokenLogprob(TopLogprob):
    """A token that came."""

    top_logprobs: list[TopLogprob]


class ChatLogprobs(Shape):
    """Of all tokens of an answer."""

    content: list[TokenLogprob]
    refusal: None


class ChatMessage(Shape):
    """The answer to a conversation."""

    role: Literal["assistant"]
    content: str
    refusal: None
    annotations: list[Any]


class ChatChoice(Shape):
    """One of the answers."""

    index: int
    message: ChatMessage
    logprobs: ChatLogprobs | None
    finish_reason: Finish


class ChatCompletion(Head):
    """Answers to a conversation."""

    choices: list[ChatChoice]
    usage: Usage


class TextLogprobs(Shape):
    """Of all tokens of a text."""

    tokens: list[str]
    token_logprobs: list[float]
    top_logprobs: list[dict[str, float]]
    text_offset: list[int]


class TextChoice(Shape):
    """One of the texts."""

    index: int
    text: str
    logprobs: TextLogprobs | None
    finish_reason: Finish


class Completion(Head):
    """How texts go on."""

    choices: list[TextChoice]
    usage: Usage


class OutputText(Shape):
    """The text of a response."""

    type: Literal["output_text"]
    text: str
    annotations: list[Any]
    logprobs: list[Any]


class OutputMessage(Shape):
    """What a response says."""

    id: str
    type: Literal["message"]
    role: Literal["assistant"]
    status: Literal["completed", "incomplete"]
    content: list[OutputText]


class ResponseUsage(Shape):
    """Tokens of a response."""

    input_tokens: int
    output_tokens: int
    total_tokens: int
    input_tokens_details: dict[str, int]
    output_tokens_details: dict[str, int]


class ResponseAnswer(BaseModel):
    """A response; what this server has no choice in is not described."""

    id: str
    object: Literal["response"]
    created_at: int
    completed_at: int | None
    status: Literal["completed", "incomplete"]
    model: str
    instructions: str | None
    temperature: float
    top_p: float
    max_output_tokens: int | None
    text: dict[str, Any]
    metadata: dict[str, str]
    output: list[OutputMessage]
    usage: ResponseUsage
    error: None
    incomplete_details: dict[str, str] | None
    store: Literal[False]


class Embedding(Shape):
    """The embedding of a text: numbers, or their float32 bytes in base64."""

    object: Literal["embedding"]
    index: int
    embedding: list[float] | str


class EmbeddingUsage(Shape):
    """Tokens of the texts."""

    prompt_tokens: int
    total_tokens: int


class Embeddings(Shape):
    """Embeddings of texts."""

    object: Literal["list"]
    model: str
    data: list[Embedding]
    usage: EmbeddingUsage


class Label(Shape):
    """A class, and the probability of each."""

    label: str
    probs: list[float]


class TextClass(Label):
    """The class of a text."""

    index: int
    num_classes: int


class TokenClass(Label):
    """The class of a token, which lies between two places of the text."""

    start: int
    end: int


class TokenClasses(Shape):
    """The classes of a text's tokens, from a tagger."""

    index: int
    num_classes: int
    tokens: list[TokenClass]


class Classes(Shape):
    """Classes of texts."""

    id: str
    object: Literal["list"]
    created: int
    model: str
    data: list[TextClass | TokenClasses]
    usage: Usage


class Model(Shape):
    """A version that can be asked."""

    id: str
    object: Literal["model"]
    created: int
    owned_by: Literal["stemma"]
    max_model_len: int | None = Field(description="Most tokens of prompt and answer")


class Models(Shape):
    """The versions that can be asked."""

    object: Literal["list"]
    data: list[Model]


class Running(Shape):
    """A version that runs."""

    id: str
    role: Literal["current", "canary", "also"]
    digest: str
    commit: str | None
    state: str
    engine: dict[str, Any]


class VersionAnswer(Shape):
    """The version that answers."""

    version: str
    artifact: str
    commit: str | None
    digest: str
    stage: str | None
    since: int
    engine: dict[str, Any]
    models: list[Running]


class Status(Shape):
    """How the server, or its version, does."""

    status: Literal["live", "starting", "ready", "restarting", "ended"]
