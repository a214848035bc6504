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
    composed: Sequence[str], settings: dict[str, Any], base: str, rules: UpdateSettings,
    measured: bool,
) -> list[str]:  # fmt: skip
    """Return the overrides that a candidate is composed with.

    Args:
        composed: those of the version in production.
        settings: its settings, by section.
        base: its commit.
        rules: of the update.
        measured: whether it is only measured, so that it can be compared on the same documents.
    """
    kept = [one for one in composed if not _is_replaced(grammar.key_of(one))]
    own = [one for one in composed if grammar.key_of(one).split(".")[0] == "source"]
    found = [
        *kept,
        # What was mixed already takes the new files by its patterns.
        *(own if is_mixed(settings) else [f"source={MIXED}"]),
        "tokenizer=base",
        "model=path",
        f"model.base.path=stemma://{base}",
        f"model.base.license={grammar.literal(settings['export']['license'])}",
        f"prepare.upsample.ids=[{grammar.literal(PREFIX + '*')}]",
        f"prepare.upsample.times={rules.times}",
    ]
    if measured:
        return [*found, f"train={_AS_IS}"]
    # As long as the version in production has learnt to look back; rules may say otherwise.
    length = f"train.sequence_length={settings['train']['sequence_length']}"
    further = {grammar.key_of(one): one for one in (length, *rules.overrides)}
    return [*found, f"train={rules.train}", *further.values()]


def is_mixed(settings: dict[str, Any]) -> bool:
    """Say whether a version has learnt from several sources."""
    return settings["source"].get("kind") == MIXED


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
