"""What OpenTelemetry calls the facts of a record: the only place that knows its names.

They follow https://github.com/open-telemetry/semantic-conventions-genai, of which
model/gen-ai/registry.yaml as of commit e8fc5751506258db1459d1bde47994e01dee922e, and
model/gen-ai/metrics.yaml as of 9ba9b77579bd6d44b6c124877405e99920a2fe96;
opentelemetry-semantic-conventions 0.66b2 (schema 1.44.0) has the same names. None holds a text.
"""

from __future__ import annotations

from typing import Any

from stemma.monitoring.records import Record

SCHEMA = "https://opentelemetry.io/schemas/1.44.0"
PROVIDER = "stemma"
OPERATION = "gen_ai.operation.name"
PROVIDER_NAME = "gen_ai.provider.name"
REQUEST_MODEL = "gen_ai.request.model"
REQUEST_SEED = "gen_ai.request.seed"
REQUEST_TEMPERATURE = "gen_ai.request.temperature"
REQUEST_CHOICES = "gen_ai.request.choice.count"
RESPONSE_ID = "gen_ai.response.id"
RESPONSE_MODEL = "gen_ai.response.model"
FINISH_REASONS = "gen_ai.response.finish_reasons"
INPUT_TOKENS = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
TOKEN_TYPE = "gen_ai.token.type"
ERROR_TYPE = "error.type"

DURATION = "gen_ai.server.request.duration"
FIRST_TOKEN = "gen_ai.server.time_to_first_token"
PER_TOKEN = "gen_ai.server.time_per_output_token"
TOKEN_USAGE = "gen_ai.client.token.usage"
METRICS = {
    DURATION: ("s", "Whole time of a request"),
    FIRST_TOKEN: ("s", "Time to the first token"),
    PER_TOKEN: ("s", "Time per token after the first"),
    TOKEN_USAGE: ("{token}", "Tokens of prompt and answer"),
}
"""Of each histogram its unit and what it is."""


def span_name(record: Record) -> str:
    """Return what the span of a request is called."""
    return f"{_operation(record)} {_model(record)}"


def metric_attributes(record: Record) -> dict[str, Any]:
    """Return by what measurements of a request are told apart."""
    found = {
        OPERATION: _operation(record), PROVIDER_NAME: PROVIDER, REQUEST_MODEL: _model(record),
        RESPONSE_MODEL: record.version,
    }  # fmt: skip
    return found | ({ERROR_TYPE: record.failure} if record.failure else {})


def span_attributes(record: Record) -> dict[str, Any]:
    """Return what is told of a request."""
    return metric_attributes(record) | {
        REQUEST_SEED: record.seed, REQUEST_TEMPERATURE: record.temperature,
        REQUEST_CHOICES: record.answers, RESPONSE_ID: record.id,
        FINISH_REASONS: record.finishes, INPUT_TOKENS: record.prompt_tokens,
        OUTPUT_TOKENS: record.completion_tokens,
    }  # fmt: skip


def measurements(record: Record) -> list[tuple[str, float, dict[str, Any]]]:
    """Return what is measured of a request: metric, value, and attributes of its own."""
    found: list[tuple[str, float, dict[str, Any]]] = [
        (DURATION, record.seconds, {}),
        (TOKEN_USAGE, record.prompt_tokens, {TOKEN_TYPE: "input"}),
        (TOKEN_USAGE, record.completion_tokens, {TOKEN_TYPE: "output"}),
    ]
    if record.first is not None:
        found.append((FIRST_TOKEN, record.first, {}))
        if record.completion_tokens > 1:
            later = (record.seconds - record.first) / (record.completion_tokens - 1)
            found.append((PER_TOKEN, later, {}))
    return found


def _operation(record: Record) -> str:
    return "text_completion" if record.endpoint == "/v1/completions" else "chat"


def _model(record: Record) -> str:
    return record.version.partition("@")[0]
