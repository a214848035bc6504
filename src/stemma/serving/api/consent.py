"""Whether a client agrees that the texts of its request are kept: never taken in silence."""

from __future__ import annotations

from stemma.serving.api.errors import ApiError
from stemma.serving.api.fields import Sampling
from stemma.serving.settings import ServingSettings


def consents(asked: Sampling, settings: ServingSettings) -> bool:
    """Say whether a request agrees, by ``store`` or by ``metadata.consent``.

    Raises:
        ApiError: it agrees to what this server does not do, or contradicts itself.
    """
    said = {
        "store": asked.store,
        "metadata.consent": asked.metadata and asked.metadata.consent
        and asked.metadata.consent == "true",
    }  # fmt: skip
    given = {name: value for name, value in said.items() if value is not None}
    if len({*given.values()}) > 1:
        raise ApiError(
            400, "'store' and 'metadata.consent' contradict one another", "invalid_value", "store"
        )
    if True not in given.values():
        return False
    if not (settings.monitoring.record and settings.monitoring.keep_text):
        name = next(name for name, value in given.items() if value)
        raise ApiError(
            400, f"'{name}': this server keeps no texts (monitoring.keep_text)",
            "unsupported_parameter", name,
        )  # fmt: skip
    return True
