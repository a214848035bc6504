"""The settings of a candidate: those of the version in production, trained further on its data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from stemma import overrides as grammar
from stemma.updating.lessons import PREFIX
from stemma.updating.settings import UpdateSettings

MIXED, OWN = "mixed", "source.parts.own"
# What the candidate has of its own; further keys of these groups would not fit it.
_REPLACED = ("source", "model", "tokenizer", "train", "prepare.upsample")
_AS_IS = "as_is"


def overrides(
    composed: Sequence[str], source: dict[str, Any], base: str, license_: str,
    rules: UpdateSettings, measured: bool,
) -> list[str]:  # fmt: skip
    """Return the overrides that a candidate is composed with.

    Args:
        composed: those of the version in production.
        source: its section ``source``.
        base: the commit of the version in production.
        license_: of its model.
        rules: of the update.
        measured: whether it is only measured, so that it can be compared on the same documents.
    """
    kept = [one for one in composed if not _is_replaced(grammar.key_of(one))]
    own = [one for one in composed if grammar.key_of(one).split(".")[0] == "source"]
    found = [
        *kept,
        # What was mixed already takes the new files by its patterns.
        *(own if source.get("kind") == MIXED else [f"source={MIXED}"]),
        "tokenizer=base",
        "model=path",
        f"model.base.path=stemma://{base}",
        f"model.base.license={grammar.literal(license_)}",
        f"prepare.upsample.ids=[{grammar.literal(PREFIX + '*')}]",
        f"prepare.upsample.times={rules.times}",
    ]
    return [*found, f"train={_AS_IS}"] if measured else [
        *found, f"train={rules.train}", *rules.overrides
    ]  # fmt: skip


def own_source(default: dict[str, Any], wanted: dict[str, Any]) -> list[str]:
    """Return the overrides by which a mixed source has the project's own part.

    Args:
        default: the part ``own`` as conf/source/mixed.yaml has it.
        wanted: the source of the version in production.
    """
    return grammar.between(_under(default), _under(wanted))


def _under(part: dict[str, Any]) -> dict[str, Any]:
    found: Any = part
    for name in reversed(OWN.split(".")):
        found = {name: found}
    return found


def _is_replaced(key: str) -> bool:
    return any(key == one or key.startswith(f"{one}.") for one in _REPLACED)
