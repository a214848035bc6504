"""What a request teaches: documents, as the pipeline reads them below data/input."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterator
from typing import Any, Literal

from stemma.corpus.sources.files import PRODUCTION
from stemma.updating.records import Kept
from stemma.updating.settings import Take

PREFIX = f"{PRODUCTION}/"
"""Of the ids of such documents."""
Kind = Literal["correction", "liked", "prompt", "thumb", "pair"]
_SUFFIXES: dict[Kind, str] = {
    "correction": "", "liked": "", "prompt": "", "thumb": "#thumb", "pair": "#pair",
}  # fmt: skip
HUMAN, MODEL, PREFERENCES = "human-texts", "model-texts", "preferences"
"""Files of an update, without their ending: who wrote most of what stands in them."""


@dataclasses.dataclass(frozen=True)
class Lesson:
    """A document that a request teaches.

    Attributes:
        kind: what of the request it is.
        file: where it stands: HUMAN, MODEL or PREFERENCES.
        text: all of its words, by which duplicates are found.
        row: as it is written: with the id of the answer behind PREFIX, the version that answered
            and the day.
    """

    kind: Kind
    file: str
    text: str
    row: dict[str, Any]

    @property
    def id(self) -> str:
        """Of the document."""
        return str(self.row["id"])


def ids_of(answer: str) -> list[str]:
    """Return the ids that documents made of an answer may have."""
    return sorted({f"{PREFIX}{answer}{suffix}" for suffix in _SUFFIXES.values()})


def answer_of(name: str) -> str:
    """Return the id of the answer that a document was made of."""
    return name.partition("#")[0].removeprefix(PREFIX)


def lessons(one: Kept, take: Take, chat: bool) -> list[Lesson] | str:
    """Return what a request teaches, or why it teaches nothing.

    Args:
        one: the request.
        take: what is taken.
        chat: whether the model learns conversations, else texts.
    """
    if not one.prompts:
        return "its client has not agreed that the text is kept"
    if len(one.prompts) > 1 or len(one.answers) > 1:
        return "it has several prompts or answers"
    prompt, answer = one.prompts[0], one.answers[0] if one.answers else ""
    if isinstance(prompt, str) and chat:
        return "it is a text, and the model learns conversations"
    if not isinstance(prompt, str) and not chat:
        return "it is a conversation, and the model learns texts"
    found = [*_texts(one, prompt, answer, take, chat)][:1]
    found += [*_preferences(one, prompt, answer)][:1] if take.preferences else []
    return found or "there is nothing in it that is taken"


def _texts(one: Kept, prompt: Any, answer: str, take: Take, chat: bool) -> Iterator[Lesson]:
    """Yield what can be gone on with, the best first."""
    said = one.feedback
    if take.corrections and said and said.correction:
        yield _text(one, "correction", HUMAN, prompt, said.correction)
    if take.liked and said and said.thumb == "up" and answer.strip():
        yield _text(one, "liked", MODEL, prompt, answer)
    # Nothing is learned from words that got a thumb down.
    if take.prompts and not chat and prompt.strip():
        yield _text(one, "prompt", HUMAN, prompt, "")


def _preferences(one: Kept, prompt: Any, answer: str) -> Iterator[Lesson]:
    said = one.feedback
    if said is None or not answer.strip():
        return
    if said.correction and said.correction.strip() != answer.strip():
        told = {"prompt": prompt, "chosen": said.correction, "rejected": answer}
        yield _lesson(one, "pair", PREFERENCES, told, _told(prompt, said.correction))
    elif said.thumb:
        told = {"prompt": prompt, "completion": answer, "label": said.thumb == "up"}
        yield _lesson(one, "thumb", PREFERENCES, told, _told(prompt, answer))


def _text(one: Kept, kind: Kind, file: str, prompt: Any, answer: str) -> Lesson:
    if isinstance(prompt, str):
        return _lesson(one, kind, file, {"text": prompt + answer}, prompt + answer)
    messages = [*prompt, {"role": "assistant", "content": answer}]
    return _lesson(one, kind, file, {"messages": messages}, _words(messages))


def _lesson(one: Kept, kind: Kind, file: str, told: dict[str, Any], text: str) -> Lesson:
    day = datetime.datetime.fromtimestamp(one.record.time, datetime.UTC).date().isoformat()
    row = {"id": f"{PREFIX}{one.record.id}{_SUFFIXES[kind]}", **told, "kind": kind,
           "version": one.record.version, "time": day}  # fmt: skip
    return Lesson(kind, file, text, row)


def _told(prompt: Any, answer: str) -> str:
    before = prompt if isinstance(prompt, str) else _words(prompt)
    return f"{before}\n{answer}" if before else answer


def _words(messages: list[dict[str, str]]) -> str:
    return "\n\n".join(str(one["content"]) for one in messages)
