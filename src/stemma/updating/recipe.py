"""The settings of a candidate: those of the version in production, trained further on its data."""

from __future__ import annotations

import copy
from typing import Any

from stemma import overrides as grammar
from stemma.updating.lessons import PREFERENCES, PREFIX
from stemma.updating.settings import UpdateSettings

Values = dict[str, Any]
_MIXED = "mixed"
_KEPT = ("prepare", "task", "evaluate", "export", "runtime")
_AS_IS = "as_is"
_CONVERSATIONS = {"text": None, "messages": "messages"}


def choices(rules: UpdateSettings, measured: bool) -> list[str]:
    """Return the overrides from which a candidate starts: what it has of its own.

    Args:
        rules: of the update.
        measured: whether the version in production is only measured, on the same documents.
    """
    train = _AS_IS if measured else rules.train
    return ["~experiment", f"source={_MIXED}", "tokenizer=base", "model=path", f"train={train}"]


def overrides(
    start: Values, incumbent: Values, base: str, rules: UpdateSettings, measured: bool,
    preferences: bool,
) -> list[str]:  # fmt: skip
    """Return the further overrides that a candidate is composed with.

    Args:
        start: the settings that come of ``choices``, by section.
        incumbent: those of the version in production.
        base: its commit.
        rules: of the update.
        measured: as for ``choices``.
        preferences: whether there are any to learn from.
    """
    wanted = copy.deepcopy(start) | {name: copy.deepcopy(incumbent[name]) for name in _KEPT}
    wanted["prepare"]["upsample"] = {"ids": [f"{PREFIX}*"], "times": rules.times}
    if incumbent["source"].get("kind") == _MIXED:
        # Its patterns take the new files too.
        wanted["source"] = copy.deepcopy(incumbent["source"])
    else:
        wanted["source"]["parts"]["own"] = incumbent["source"]
        if incumbent["task"]["name"] == "chat":
            wanted["source"]["parts"]["production"]["columns"] |= _CONVERSATIONS
    if preferences:
        parts = wanted["source"]["parts"]
        parts["preferences"] = _preferring(parts["production"])
    wanted["model"]["base"] |= {
        "path": f"stemma://{base}", "license": incumbent["export"]["license"],
    }  # fmt: skip
    # As long as the version in production has learnt to look back; rules may say otherwise.
    wanted["train"]["sequence_length"] = incumbent["train"]["sequence_length"]
    further = () if measured else rules.overrides
    named = {grammar.key_of(one) for one in further}
    found = grammar.between(start, wanted)
    return [*(one for one in found if grammar.key_of(one) not in named), *further]


def _preferring(production: Values) -> Values:
    """Return the part of a mixed source that reads preferences, as TRL names their columns."""
    found = copy.deepcopy(production)
    found["patterns"] = [f"{PREFIX}*/{PREFERENCES}.jsonl"]
    found["columns"] |= {name: name for name in ("prompt", "chosen", "rejected", "completion")}
    found["columns"]["desirable"] = "label"
    return found
