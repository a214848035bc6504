"""What a model card says of the model that training started from."""

from collections.abc import Mapping
from typing import Any


def metadata(base: Mapping[str, Any], beside: bool) -> dict[str, Any]:
    """Return what the front matter has of it; nothing of training from nothing.

    Args:
        base: base.json, and its own digest under ``sha256``.
        beside: whether the model is an adapter that stands beside its base.
    """
    if base["kind"] is None:
        return {}
    told: dict[str, Any] = {"trained_from": {"origin": base["origin"], "revision": _exact(base)}}
    if base.get("id"):  # the Hub takes only its own repositories for a base
        told["base_model"] = base["id"]
        told["base_model_relation"] = "adapter" if beside else "finetune"
    return told


def sentence(base: Mapping[str, Any], measured: bool) -> str:
    """Return a paragraph about it; empty of training from nothing.

    Args:
        base: base.json, and its own digest under ``sha256``.
        measured: whether its figures stand beside those of the model.
    """
    if base["kind"] is None:
        return ""
    figures = ", whose figures are under `base` above" if measured else ""
    return f"Trained from `{base['origin']} {_exact(base)}` ({base['license']}){figures}.\n\n"


def _exact(base: Mapping[str, Any]) -> str:
    # A folder has no version but its content: base.json names the digest of each of its files.
    return str(base["version"] or f"sha256:{base['sha256']}")
