"""Chooses what an update learns from: consented, masked, new, and nothing that is held out."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from stemma.updating.known import Known, is_near
from stemma.updating.lessons import Lesson, answer_of, lessons
from stemma.updating.records import Kept
from stemma.updating.settings import UpdateSettings


@dataclasses.dataclass(frozen=True)
class Selection:
    """What is chosen.

    Attributes:
        lessons: the documents, the newest first.
        requests: how many requests they are of.
        left_out: how many requests are left out, by reason.
        asked: how many requests were looked at.
    """

    lessons: tuple[Lesson, ...]
    requests: int
    left_out: dict[str, int]
    asked: int


def select(
    requests: Iterable[Kept],
    rules: UpdateSettings,
    known: Known,
    chat: bool,
    barred: Callable[[str], str | None],
) -> Selection:
    """Choose what to learn from.

    Args:
        requests: the newest first.
        rules: of the update.
        known: what the version in production has learnt from and was measured on.
        chat: whether the model learns conversations, else texts.
        barred: says of the id of an answer why nothing may be learned from it; None if it may.
    """
    chosen: list[Lesson] = []
    before: list[NDArray[np.uint8]] = []
    users, left_out = Counter[str](), Counter[str]()
    taken = asked = 0
    for one in requests:
        asked += 1
        found = barred(one.record.id) or lessons(one, rules.take, chat)
        texts = [] if isinstance(found, str) else [each.text for each in found]
        sketches = [known.sketch(text) for text in texts]
        if not isinstance(found, str):
            found = _new(found, sketches, known, rules, before) or found
        if not isinstance(found, str) and users[one.record.who] >= rules.most_per_user:
            found = "there are enough of this user"
        if not isinstance(found, str) and taken >= rules.most:
            found = "there are enough newer ones"
        if isinstance(found, str):
            left_out[found] += 1
            continue
        users[one.record.who] += 1
        taken += 1
        chosen += found
        before.append(sketches[0])
    return Selection(tuple(chosen), taken, dict(left_out.most_common()), asked)


def _new(
    found: list[Lesson],
    sketches: Iterable[NDArray[np.uint8]],
    known: Known,
    rules: UpdateSettings,
    before: list[NDArray[np.uint8]],
) -> str | None:
    """Return why some documents are nothing new; None if they are."""
    for one, sketch in zip(found, sketches, strict=True):
        # Another document of the same answer stood there under another ending.
        if answer_of(one.id) in known.answers:
            return "the version in production has learnt from it"
        if known.held_out_share(one.text) > rules.held_out:
            return "it stands in a held-out document"
        if known.has(one.text, sketch):
            return "the version in production knows the same text, or nearly"
        if before and is_near(sketch, np.stack(before)):
            return "another one says nearly the same"
    return None
