"""Makes tokens of what is asked, as the model was trained to read it."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from stemma.corpus.documents import Part
from stemma.corpus.tokenizer.encoder import Encoder, open_reference
from stemma.errors import DataError, SettingsError
from stemma.files import read_json
from stemma.layout import EXPORTED
from stemma.tasks.chat.encoding import ChatTemplate

_TOKENIZER_CONFIG, _GENERATION = "tokenizer_config.json", "generation_config.json"


class Prompts:
    """The tokenizer of an export.

    Args:
        folder: with models/exported.
        vocabulary: how many tokens the model knows.

    Attributes:
        folder: of the tokenizer.
        tokenizer: as `tokenizers` reads it.
        ends: the ids that end an answer.
        unknown: the id that stands for what the vocabulary lacks; None if it lacks nothing.

    Raises:
        DataError: it cannot be read.
    """

    def __init__(self, folder: Path, vocabulary: int) -> None:
        self.folder = folder / EXPORTED
        self._vocabulary = vocabulary
        self._encoder = Encoder(self.folder, str(EXPORTED))
        self.tokenizer = open_reference(self.folder)
        self.ends = self._ends()
        self.unknown = self._encoder.unknown

    @functools.cached_property
    def template(self) -> ChatTemplate | None:
        """The chat template; None if it has none."""
        try:
            return ChatTemplate(self._encoder)
        except DataError:
            return None

    def ids(self, prompt: str | list[int] | list[dict[str, str]]) -> list[int]:
        """Return the tokens of a text, of a conversation, or tokens as they are.

        Raises:
            SettingsError: the model does not know them, or has no template for conversations.
        """
        if isinstance(prompt, str):
            # As the tokenizer's files say: with an end-of-text token before it, where that is so.
            found = self.tokenizer.encode(prompt).ids
            return found or [self._encoder.end_of_text]
        if prompt and isinstance(prompt[0], dict):
            return self._conversation(prompt)
        tokens: list[Any] = list(prompt)
        if not tokens or not all(0 <= one < self._vocabulary for one in tokens):
            raise SettingsError(f"prompt: its tokens must be 0 to {self._vocabulary - 1}")
        return tokens

    def pieces(self, text: str) -> list[tuple[int, int]]:
        """Return where each token of ``ids(text)`` begins and ends in the text."""
        return self.tokenizer.encode(text).offsets

    def _conversation(self, messages: Any) -> list[int]:
        if self.template is None:
            raise SettingsError(
                "messages: this model has no chat template, it goes on with texts",
                "ask /v1/completions",
            )
        parts = [Part(one["role"], one["content"]) for one in messages]
        try:
            return self.template.prompt(parts).tolist()
        except DataError as error:
            raise SettingsError(f"messages: {error.message}", error.hint) from error

    def _ends(self) -> frozenset[int]:
        path = self.folder / _GENERATION
        told = read_json(path).get("eos_token_id") if path.exists() else None
        listed = told if isinstance(told, list) else [told] if told is not None else []
        return frozenset([*listed, self._encoder.end_of_text])
