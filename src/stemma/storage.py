"""Why a store of objects fails, in a line: S3, Google Cloud Storage, Azure, the Hub, HTTP.

Their libraries (botocore, aiohttp, azure, google, huggingface_hub …) have exceptions of their own
with no base in common, and what the server said stands deep in their causes.
"""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

from stemma import extras

_AGAIN = "run it again; nothing was left half written"
_NEEDS = {
    "s3": extras.install("s3"),
    **dict.fromkeys(("gs", "gcs"), "pip install dvc-gs"),
    **dict.fromkeys(("az", "azure"), "pip install dvc-azure"),
    "hf": extras.install("make"),
    **dict.fromkeys(("http", "https"), "pip install dvc-http"),
}


@dataclasses.dataclass(frozen=True)
class _Kind:
    """One way to fail.

    Attributes:
        names: codes in the answers of servers, and names of exceptions.
    """

    reason: str
    hint: str
    names: frozenset[str]


def _kind(reason: str, hint: str, names: str) -> _Kind:
    return _Kind(reason, hint, frozenset(names.split()))


_NO_BUCKET = _kind(
    "there is no such bucket",
    "check its name and the endpoint",
    "NoSuchBucket InvalidBucketName ContainerNotFound",
)
_AWAY = _kind(
    "the server does not answer",
    "check the network and the endpoint: AWS_ENDPOINT_URL, or endpointurl of the remote",
    "EndpointConnectionError ConnectTimeoutError ClientConnectorError ConnectionRefusedError "
    "gaierror SSLError ProxyConnectionError ServiceRequestError",
)
# The first that fits counts.
_KINDS = (
    _kind(
        "no credentials are found",
        "set AWS_PROFILE, or what else its SDK reads; `dvc remote modify --local` gives a remote's",
        "NoCredentialsError PartialCredentialsError CredentialRetrievalError ProfileNotFound "
        "DefaultCredentialsError",
    ),
    _kind(
        "the credentials have expired",
        "get new ones, as by `aws sso login`, and run it again",
        "ExpiredToken ExpiredTokenException TokenRefreshRequired TokenRetrievalError "
        "SSOTokenLoadError UnauthorizedSSOTokenError RefreshError",
    ),
    _kind(
        "the credentials are refused",
        "check the key, its secret and the endpoint",
        "InvalidAccessKeyId InvalidClientTokenId SignatureDoesNotMatch InvalidToken AuthFailure "
        "ClientAuthenticationError 401 Unauthorized",
    ),
    _NO_BUCKET,
    _kind(
        "it changed while it was read",
        "run it again when nobody writes there",
        "FileExpired PreconditionFailed 412",
    ),
    _kind(
        "access is denied",
        "ask for the right, or use other credentials",
        "AccessDenied AllAccessDisabled 403 Forbidden GatedRepoError PermissionError",
    ),
    _AWAY,
    _kind(
        "the connection broke off",
        _AGAIN,
        "ClientPayloadError ResponseStreamingError IncompleteReadError IncompleteRead "
        "ConnectionClosedError ServerDisconnectedError ClientOSError ReadTimeoutError "
        "FSTimeoutError ConnectionError HTTPClientError TimeoutError RequestTimeout",
    ),
    _kind("it is overloaded", _AGAIN, "SlowDown ServiceUnavailable 503 500 InternalError"),
)


def is_failure(error: Exception) -> bool:
    """Say whether an exception is how a store fails; all others are mistakes in a program.

    What Python itself raises is only a failure of input and output.
    """
    return isinstance(error, OSError | EOFError) or type(error).__module__ != "builtins"


def explain(error: Exception, again: Callable[[], object] | None = None) -> tuple[str, str]:
    """Return why a store failed, and what to do about it, each in a line; the latter may be empty.

    Args:
        error: as its library raised it.
        again: asks for a byte of the same object; called where the answer had no body, as all to
            S3's HEAD, and so did not say why.
    """
    code = _code(error)
    if again and code in ("400", "403"):
        try:
            again()
        except Exception as told:  # noqa: BLE001 (whatever it is, it says more)
            error = told
            code = _code(told)
    for names in ({code}, _classes(error)):
        for kind in _KINDS:
            if kind.names & names:
                return kind.reason, kind.hint
    said = " ".join(str(error).split()) or type(error).__name__
    return said, ""


def is_absent(error: FileNotFoundError) -> bool:
    """Say whether it is the object alone that is not there: its bucket may not be either."""
    return not _NO_BUCKET.names & {_code(error)}


def is_away(error: Exception) -> bool:
    """Say whether no server answered: of HTTP fsspec then says that there is no such file."""
    return bool(_AWAY.names & _classes(error))


def install(url: str) -> str:
    """Return what to type for the packages by which a URL is read."""
    return _NEEDS.get(url.partition("://")[0], "see `dvc doctor`")


def _code(error: BaseException) -> str | None:
    """Return what the server calls it."""
    for one in _chain(error):
        response: Any = getattr(one, "response", None)
        if isinstance(response, dict) and (code := response.get("Error", {}).get("Code")):
            return str(code)
        for name in ("error_code", "status", "code"):  # of azure, aiohttp, gcsfs
            if isinstance(code := getattr(one, name, None), int | str) and code:
                return str(code)
    return None


def _classes(error: BaseException) -> set[str]:
    return {cls.__name__ for one in _chain(error) for cls in type(one).mro()}


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
