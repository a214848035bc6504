"""Conversations as tokens, laid out by the chat template that the tokenizer brings along."""

import dataclasses
import itertools
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from jinja2 import Template, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from numpy.typing import NDArray
from tokenizers import Tokenizer

from stemma.corpus.encoding import Encoder
from stemma.corpus.labelled import IGNORED, TOO_LONG, Encoded, Example, fit
from stemma.corpus.records import Part
from stemma.errors import DataError
from stemma.files import read_json
from stemma.tasks.chat import Settings

_ROLES = ("system", "user", "assistant")
# What stands for a message while the template is filled in; no template knows these characters.
_PLACE = "\ue000{}\ue001"
_PLACES = re.compile("\ue000([0-9]+)\ue001")
_BRING = (
    "bring a chat model's tokenizer, or "
    '-S \'tokenizer.special_tokens=["<|im_start|>","<|im_end|>"]\''
)


class ChatTemplate:
    """Lays a conversation out as tokens.

    What a message says is encoded as text, whatever it spells: only the template writes control
    tokens, so that no message can end itself or speak for another role.

    Args:
        encoder: with a ``chat_template`` in its folder, in Jinja as transformers has it.

    Raises:
        DataError: there is none, or it is no Jinja.
    """

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._path = encoder.folder / "tokenizer_config.json"
        self._config = read_json(self._path)
        self._template = _read(encoder.folder, self._config)
        self._controls = Tokenizer.from_file(str(encoder.folder / "tokenizer.json"))
        self._special = {
            index
            for index, token in self._controls.get_added_tokens_decoder().items()
            if token.special
        }

    def encode(self, messages: Sequence[Part]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """Return a whole conversation.

        Returns:
            The ids, and labels: the ids of the answers and of the token that ends each of them,
            IGNORED elsewhere; both of shape (tokens,).

        Raises:
            DataError: the template refuses the conversation, or ends no answer.
        """
        ids, labels, open_answer = [], [], False
        for index, piece in self._pieces(messages, prompt=False):
            learned = index is not None and messages[index].role == "assistant"
            ids.append(piece)
            labels.append(piece if learned else np.full(len(piece), IGNORED))
            if open_answer:
                if not len(piece) or piece[0] not in self._special:
                    raise DataError(
                        f"the chat template of {self._path} puts no control token after an answer",
                        "a model could not learn where to stop; use another template",
                    )
                labels[-1][0] = piece[0]
            open_answer = learned
        return np.concatenate(ids), np.concatenate(labels).astype(np.int32)

    def prompt(self, question: str) -> NDArray[np.int64]:
        """Return what an answer to a question begins from."""
        pieces = self._pieces([Part("user", question)], prompt=True)
        return np.concatenate([piece for _, piece in pieces])

    def end(self) -> int:
        """Return the id that ends an answer."""
        ids, labels = self.encode([Part("user", "?"), Part("assistant", "!")])
        return int(ids[np.flatnonzero(labels != IGNORED)[-1]])

    def _pieces(
        self, messages: Sequence[Part], prompt: bool
    ) -> list[tuple[int | None, NDArray[np.int64]]]:
        """Return the ids of what the template writes (None) and of each message (its index)."""
        fields = [
            {"role": message.role, "content": _PLACE.format(index)}
            for index, message in enumerate(messages)
        ]
        split = _PLACES.split(self._fill(fields, prompt))
        shown = [int(index) for index in split[1::2]]
        if shown != list(range(len(messages))):
            raise DataError(
                f"the chat template of {self._path} does not show every message once, in order",
                "use another template, or leave those roles out",
            )
        texts = self._encoder.encode_batch([message.text.strip() for message in messages])
        written = [
            self._controls.encode(piece, add_special_tokens=False).ids for piece in split[::2]
        ]
        places = itertools.zip_longest(written, shown)
        pieces: list[tuple[int | None, NDArray[np.int64]]] = []
        for piece, index in places:
            pieces.append((None, np.array(piece, np.int64)))
            if index is not None:
                pieces.append((index, texts[index].astype(np.int64)))
        return pieces

    def _fill(self, fields: list[dict[str, str]], prompt: bool) -> str:
        names = {role: self._config.get(role) or "" for role in ("bos_token", "eos_token")}
        try:
            return self._template.render(messages=fields, add_generation_prompt=prompt, **names)
        except TemplateError as error:
            raise DataError(
                f"the chat template of {self._path} refuses a conversation: {error}",
                "change the order of its roles, or use another template",
            ) from error


@dataclasses.dataclass(frozen=True)
class Encoding:
    """Encodes conversations; a label is the token itself where it is learned."""

    settings: Settings
    labelled = True

    def names(self, example: Example) -> Iterable[str]:
        """Return nothing: the labels are tokens."""
        return ()

    def encode(
        self, examples: Sequence[Example], encoder: Encoder, names: Sequence[str]
    ) -> list[Encoded | str]:
        """Return each conversation, or why it is dropped.

        Raises:
            DataError: one has no answer or an unknown role, or the template does not fit.
        """
        template = ChatTemplate(encoder)
        return [self._encode(example, template) for example in examples]

    def _encode(self, example: Example, template: ChatTemplate) -> Encoded | str:
        _check(example)
        try:
            made = Encoded(*template.encode(example.parts))
        except DataError as error:
            raise DataError(f"document '{example.id}': {error.message}", error.hint) from error
        found = fit(example, made, self.settings.max_tokens, self.settings.too_long)
        # Nothing of an answer may be left of a conversation that was cut.
        if isinstance(found, Encoded) and (found.labels == IGNORED).all():
            return TOO_LONG
        return found


def _check(example: Example) -> None:
    if not example.parts:
        raise DataError(
            f"document '{example.id}' is no conversation",
            "use -S source=chatterbot, or set source.columns.messages",
        )
    for number, part in enumerate(example.parts, 1):
        if part.role not in _ROLES:
            raise DataError(
                f"document '{example.id}': message {number} has the role {part.role!r}",
                f"the roles of task=chat are {', '.join(_ROLES)}",
            )
    if not any(part.role == "assistant" and part.text.strip() for part in example.parts):
        raise DataError(
            f"document '{example.id}' has no answer (role assistant), so nothing can be learned",
            "add one, or leave the conversation out",
        )


def _read(folder: Path, config: dict[str, Any]) -> Template:
    path = folder / "chat_template.jinja"
    text = path.read_text(encoding="utf-8") if path.exists() else config.get("chat_template")
    if not isinstance(text, str):
        raise DataError(f"{folder / 'tokenizer_config.json'} has no chat_template", _BRING)
    # As transformers reads them; but none may ask for the date, which would change the bytes.
    jinja = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    jinja.globals["raise_exception"] = _refuse
    try:
        return jinja.from_string(text)
    except TemplateError as error:
        raise DataError(f"the chat template in {folder} is no Jinja: {error}", _BRING) from error


def _refuse(message: str) -> NoReturn:
    raise TemplateError(message)
