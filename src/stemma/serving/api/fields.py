"""Fields that several endpoints take, checked as OpenAI documents them."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Tokens = Annotated[int, Field(ge=1, le=2**31)]
Seed = Annotated[int, Field(ge=-(2**63), lt=2**63)]
Temperature = Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)]
TopP = Annotated[float, Field(gt=0, le=1)]
TopK = Annotated[int, Field(ge=-1, le=2**31)]
Stop = str | Annotated[list[str], Field(max_length=4)]
# What changes nothing: a client that sends it gets what it asks for.
_NOTHING: dict[str, tuple[Any, ...]] = {
    "frequency_penalty": (0,), "presence_penalty": (0,), "logit_bias": ({},), "tools": ([],),
    "functions": ([],), "tool_choice": ("none", "auto"), "parallel_tool_calls": (True, False),
    "store": (False,), "service_tier": ("auto", "default"), "modalities": (["text"],),
    "metadata": ({},), "best_of": (1,), "echo": (False,), "suffix": ("",), "background": (False,),
    "truncation": ("disabled",), "include": ([],), "reasoning": ({},), "use_beam_search": (False,),
    "min_p": (0,), "repetition_penalty": (1,), "length_penalty": (1,), "min_tokens": (0,),
    "encoding_format": ("float",),
}  # fmt: skip


class Body(BaseModel):
    """The body of a request: a field that is not known is refused, unless it asks for nothing."""

    model_config = ConfigDict(extra="forbid", strict=True)

    @model_validator(mode="before")
    @classmethod
    def _without_nothing(cls, raw: Any) -> Any:
        if not isinstance(raw, dict):
            return raw
        try:
            json.dumps(raw, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            raise ValueError(
                "a text has half of a surrogate pair, which is no character"
            ) from error
        return {
            key: value for key, value in raw.items()
            if key in cls.model_fields or not _is_nothing(key, value)
        }  # fmt: skip


class StreamOptions(Body):
    """Of a stream."""

    include_usage: bool = False


class JsonSchema(Body):
    """A schema that the answer keeps to."""

    name: str
    schema_: dict[str, Any] = Field(alias="schema")
    description: str | None = None
    strict: bool | None = None


class TextFormat(Body):
    """Any text."""

    type: Literal["text"]


class JsonFormat(Body):
    """Any JSON object."""

    type: Literal["json_object"]


class SchemaFormat(Body):
    """JSON that a schema describes."""

    type: Literal["json_schema"]
    json_schema: JsonSchema


ResponseFormat = Annotated[TextFormat | JsonFormat | SchemaFormat, Field(discriminator="type")]


class Metadata(Body):
    """What a client says of a request."""

    consent: Literal["true", "false"] | None = None


class Sampling(Body):
    """How tokens are drawn."""

    model: str
    temperature: Temperature | None = None
    top_p: TopP | None = None
    top_k: TopK | None = None
    seed: Seed | None = None
    stop: Stop | None = None
    n: Annotated[int, Field(ge=1, le=128)] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    user: str | None = None
    # As vLLM has it, and programs that measure servers.
    ignore_eos: bool | None = None
    # Either of them says whether the texts may be kept.
    store: bool | None = None
    metadata: Metadata | None = None

    def stops(self) -> list[str]:
        """Return the strings that end an answer."""
        found = [self.stop] if isinstance(self.stop, str) else self.stop or []
        return [one for one in found if one]

    @model_validator(mode="after")
    def _streams(self) -> Sampling:
        if self.stream_options is not None and not self.stream:
            raise ValueError("stream_options is for stream: true")
        return self


class Usage(BaseModel):
    """Tokens of a request."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


def usage(prompt: int, completion: int) -> dict[str, int]:
    """Return the tokens of a request."""
    return {
        "prompt_tokens": prompt, "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }  # fmt: skip


def schema_of(asked: Any) -> dict[str, Any] | None:
    """Return the JSON schema that a response format asks for; None for any text."""
    if asked is None or asked.type == "text":
        return None
    if asked.type == "json_object":
        return {"type": "object"}
    return asked.json_schema.schema_ if hasattr(asked, "json_schema") else asked.schema_


def _is_nothing(key: str, value: Any) -> bool:
    # `True == 1`, which would let `best_of: true` through.
    alike = [one for one in _NOTHING.get(key, ()) if one == value and type(one) is type(value)]
    numbers = isinstance(value, float) and value in _NOTHING.get(key, ())
    return (value is None and key in _NOTHING) or bool(alike) or numbers
