"""Whether a text comes back from its tokens.

Only if it does, the loss of the tokens is the length of a code for the text, and bits per byte
compare between tokenizers. A tokenizer that knows few words, or no case, leaves less to predict.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from stemma.corpus.tokenizer.encoder import open_reference, unknown_of


class Restorer:
    """Spells tokens, and tells whether the result is the text that they were made from.

    Args:
        folder: of a tokenizer that has been read without error.
    """

    def __init__(self, folder: Path) -> None:
        self._tokenizer = open_reference(folder)
        self._unknown = unknown_of(self._tokenizer)

    def spell(self, ids: Sequence[int]) -> str:
        """Return the text of ids, without control tokens."""
        return self._tokenizer.decode(ids)

    def is_text(self, ids: Sequence[int], size: int, sha256: str) -> bool:
        """Return whether the text of a document comes back from its tokens.

        Args:
            ids: its tokens, without the one that ends it.
            size: UTF-8 bytes of its text.
            sha256: of its text, before personal data was masked.
        """
        text = self.spell(ids).encode()
        if hashlib.sha256(text).hexdigest() == sha256:
            return True
        # There is no hash of a text after masking.
        return len(text) == size and self.is_exact(ids)

    def is_exact(self, ids: Sequence[int]) -> bool:
        """Return whether ids stand for exactly the text that they spell, as far as they tell.

        That is so if no unknown token is among them, and their text comes back from its own tokens,
        even with the case of its letters swapped.
        """
        text = self.spell(ids)
        return self._unknown not in ids and all(map(self._comes_back, (text, text.swapcase())))

    def _comes_back(self, text: str) -> bool:
        return self.spell(self._tokenizer.encode(text, add_special_tokens=False).ids) == text
