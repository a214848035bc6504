"""Whether a text comes back from its tokens.

Only then is the loss of the tokens the length of a code for the text, and bits per byte compare
between tokenizers. One that knows few words, or knows no case, leaves little to predict.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from stemma.corpus.tokenizer.encoder import open_reference, unknown_of


class Restorer:
    """Spells tokens, and says whether that is the text that they were made of.

    Args:
        folder: with a tokenizer that has been read without fault.
    """

    def __init__(self, folder: Path) -> None:
        self._tokenizer = open_reference(folder)
        self._unknown = unknown_of(self._tokenizer)

    def spell(self, ids: Sequence[int]) -> str:
        """Return the text of ids, without control tokens."""
        return self._tokenizer.decode(ids)

    def is_text(self, ids: Sequence[int], size: int, sha256: str) -> bool:
        """Say whether a document comes back.

        Args:
            ids: its tokens, without the one that ends it.
            size: UTF-8 bytes of its text.
            sha256: of its text, before personal data was masked.
        """
        text = self.spell(ids).encode()
        if hashlib.sha256(text).hexdigest() == sha256:
            return True
        # Of a text that was masked there is no hash.
        return len(text) == size and self.is_exact(ids)

    def is_exact(self, ids: Sequence[int]) -> bool:
        """Say whether ids stand for no other text than they spell, as far as these tell.

        There is no unknown token among them, and what they spell comes back from its own tokens,
        with the case of its letters turned too.
        """
        text = self.spell(ids)
        return self._unknown not in ids and all(map(self._comes_back, (text, text.swapcase())))

    def _comes_back(self, text: str) -> bool:
        return self.spell(self._tokenizer.encode(text, add_special_tokens=False).ids) == text
