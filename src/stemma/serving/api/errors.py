"""Errors as OpenAI documents them.

https://platform.openai.com/docs/guides/error-codes
"""

from __future__ import annotations

import json
import math
from http import HTTPStatus
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from stemma.errors import StemmaError
from stemma.serving.deployment import AwayError, BusyError
from stemma.serving.fleet import UnknownModelError
from stemma.serving.metrics import REASONS
from stemma.serving.process import RefusedRequestError

_SERVERS = 500  # from here on it is not the client's fault
_AWAY_SECONDS = 2  # after which a client may try again
_UNREAD = "There was an error parsing the body"  # FastAPI's, where no JSON was found
_NO_OBJECT = ("model_attributes_type", "model_type", "dict_type")
_UNKNOWN = ("extra_forbidden", "unexpected_keyword_argument")


class Detail(BaseModel):
    """What went wrong."""

    message: str
    type: str
    param: str | None = None
    code: str | None = None


class ErrorAnswer(BaseModel):
    """An error as clients get it."""

    error: Detail


class ApiError(Exception):
    """Ends a request.

    Args:
        status: of HTTP.
        message: for people.
        code: for machines.
        param: the field that is wrong.
        wait: seconds after which the client may try again.
    """

    def __init__(
        self, status: int, message: str, code: str | None = None, param: str | None = None,
        wait: float | None = None,
    ) -> None:  # fmt: skip
        super().__init__(message)
        self.status, self.message, self.code, self.param, self.wait = (
            status, message, code, param, wait,
        )  # fmt: skip

    def body(self) -> dict[str, Any]:
        """Return what is sent."""
        kind = {401: "authentication_error", 429: "rate_limit_error"}.get(self.status)
        kind = kind or ("server_error" if self.status >= 500 else "invalid_request_error")
        told = {"message": self.message, "type": kind, "param": self.param, "code": self.code}
        return {"error": told}

    def answer(self) -> JSONResponse:
        """Return the answer."""
        headers = {} if self.wait is None else {"Retry-After": str(max(1, math.ceil(self.wait)))}
        if self.status == HTTPStatus.UNAUTHORIZED:
            headers["WWW-Authenticate"] = "Bearer"
        return JSONResponse(self.body(), self.status, headers)


def of(error: StemmaError) -> ApiError:
    """Return what a client is told of an error."""
    line = str(error)
    if isinstance(error, UnknownModelError):
        return ApiError(404, line, "model_not_found", "model")
    if isinstance(error, BusyError):
        return ApiError(429, line, "rate_limit_exceeded", wait=_AWAY_SECONDS)
    if isinstance(error, AwayError):
        return ApiError(503, line, "engine_away", wait=_AWAY_SECONDS)
    if isinstance(error, RefusedRequestError):
        field, colon, _ = error.message.partition(":")
        param = field if colon and field.isidentifier() else None
        code = "context_length_exceeded" if "the model sees" in error.message else None
        return ApiError(error.status, line, code, param)
    return ApiError(500, "the server met an error of its own", "internal_error")


def reason(error: Exception) -> str:
    """Return by which of `metrics.REASONS` a request that was not answered is counted."""
    if isinstance(error, RefusedRequestError):
        return "engine" if error.status >= _SERVERS else "refused"
    if isinstance(error, BusyError):
        return "busy"
    told = of(error).code if isinstance(error, StemmaError) else getattr(error, "code", None)
    return told if told in REASONS else "engine"


def invalid(error: RequestValidationError) -> ApiError:
    """Return what is told of a body that is not what the endpoint takes."""
    found = error.errors()
    # Of the forms that a field may have, the one that was meant tells more than its type.
    first = next((one for one in found if not one["type"].endswith("_type")), found[0])
    if first["type"] == "json_invalid":
        return ApiError(400, f"the body is not JSON: {first['ctx']['error']}", "invalid_json")
    if first["type"] in _NO_OBJECT and len(first["loc"]) == 1:
        return ApiError(400, "the body is not a JSON object", "invalid_json")
    words = [str(word) for word in first["loc"][1:] if not _is_form(str(word))]
    param = ".".join(words) or None
    if first["type"] in _UNKNOWN:
        return ApiError(
            400, f"'{param}' is not supported by this server", "unsupported_parameter", param
        )
    if first["type"] == "missing":
        return ApiError(
            400, f"'{param}' is missing" if param else "the body is missing",
            "missing_required_parameter", param,
        )  # fmt: skip
    told = first["msg"].removeprefix("Value error, ")
    return ApiError(400, f"'{param}': {told}" if param else told, "invalid_value", param)


def _is_form(word: str) -> bool:
    """Say whether pydantic names with a word which form of a field it has tried."""
    return word in ("str", "int", "float", "bool") or bool({"[", "-"} & {*word})


def stream_error(error: ApiError) -> str:
    """Return an error in the middle of a stream, as an event."""
    return f"data: {json.dumps(error.body())}\n\n"


def install(app: Any) -> None:
    """Let an app answer every error in this form."""

    @app.exception_handler(ApiError)
    async def _(request: Request, error: ApiError) -> JSONResponse:
        return error.answer()

    @app.exception_handler(StemmaError)
    async def _(request: Request, error: StemmaError) -> JSONResponse:
        return of(error).answer()

    @app.exception_handler(RequestValidationError)
    async def _(request: Request, error: RequestValidationError) -> JSONResponse:
        return invalid(error).answer()

    @app.exception_handler(HTTPException)
    async def _(request: Request, error: HTTPException) -> JSONResponse:
        told = {404: f"there is no {request.url.path}", 405: f"{request.method} is not allowed"}
        if error.detail == _UNREAD:
            found = ApiError(400, "the body is not JSON that can be read", "invalid_json")
        else:
            found = ApiError(error.status_code, told.get(error.status_code, str(error.detail)))
        answer = found.answer()
        answer.headers.update(error.headers or {})
        return answer

    @app.exception_handler(Exception)
    async def _(request: Request, error: Exception) -> JSONResponse:
        return ApiError(500, "the server met an error of its own", "internal_error").answer()
