"""Makes text of tokens as they come, and ends it where a stop string begins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tokenizers import Tokenizer
from tokenizers.decoders import DecodeStream

_TORN = "\N{REPLACEMENT CHARACTER}"


class Writer:
    """The text of one answer.

    Args:
        tokenizer: of the model.
        stop: strings that end the text, and are no part of it.
    """

    def __init__(self, tokenizer: Tokenizer, stop: Sequence[str]) -> None:
        self._tokenizer, self._stop = tokenizer, [one for one in stop if one]
        self._stream = DecodeStream(skip_special_tokens=True)
        self._ids: list[int] = []
        self._text = ""  # all of it, told or not
        self._told = 0
        self.stopped = False

    def add(self, token: int) -> str:
        """Take in a token, and return the text that can be told now."""
        self._ids.append(token)
        self._text += self._stream.step(self._tokenizer, token) or ""
        return self._tell(self._held())

    def end(self) -> str:
        """Return the rest of the text."""
        if not self.stopped:
            # Bytes of a character whose others never came.
            whole = self._tokenizer.decode(self._ids, skip_special_tokens=True)
            if whole.startswith(self._text):
                self._text = whole
        return self._tell(0)

    def _tell(self, held: int) -> str:
        # What may begin a stop string was held back, so none begins before what was told.
        found = [self._text.find(one, self._told) for one in self._stop]
        places = [place for place in found if place >= 0]
        if places and not self.stopped:
            self._text = self._text[: min(places)]
            self.stopped, held = True, 0
        told = self._text[self._told : len(self._text) - held]
        self._told += len(told)
        return told

    def _held(self) -> int:
        """Return how many characters at the end may be the beginning of a stop string."""
        longest = 0
        for one in self._stop:
            for size in range(min(len(one) - 1, len(self._text) - self._told), 0, -1):
                if self._text.endswith(one[:size]):
                    longest = max(longest, size)
                    break
        return longest


def spelled(tokenizer: Tokenizer, token: int) -> dict[str, Any]:
    """Return the text of a token by itself and its UTF-8 bytes; None if it is part of a letter."""
    text = tokenizer.decode([token], skip_special_tokens=False)
    return {"token": text, "bytes": None if _TORN in text else [*text.encode()]}
