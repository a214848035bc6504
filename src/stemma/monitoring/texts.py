"""Masks texts before they are kept, as `prepare` masks documents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from stemma.corpus.cleaning.personal import treat
from stemma.corpus.settings import PersonalSettings

MOST = 100_000
"""Characters of the texts of a request; of longer ones none is kept."""
# All kinds, whatever conf/prepare/ says: users write what documents do not hold.
_MASKED = PersonalSettings(email="mask", phone="mask", ip="mask", card="mask", secret="mask")


def masked(text: str) -> str:
    """Return a text without the personal data that is found in it."""
    return treat(text, _MASKED)[0]


def masked_prompts(prompts: Sequence[Any]) -> list[Any]:
    """Return prompts with every text masked: texts, and conversations."""
    return [
        masked(one) if isinstance(one, str)
        else [message | {"content": masked(message["content"])} for message in one]
        for one in prompts
    ]  # fmt: skip
