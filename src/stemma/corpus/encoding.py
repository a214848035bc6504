"""Turn text into token ids."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from stemma.errors import DataError
from stemma.files import read_json


class Encoder:
    """The tokenizer of a folder, ready to encode; pickles as the folder's path.

    A control token written out in a text, such as a literal ``<|endoftext|>``, is encoded as the
    characters it consists of: what a document says can never end it.

    Attributes:
        end_of_text: the id that ends a document.
        size: number of ids, one more than the largest.

    Raises:
        DataError: the folder holds no such tokenizer.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        try:
            self._reference = Tokenizer.from_file(str(folder / "tokenizer.json"))
            eos = read_json(folder / "tokenizer_config.json")["eos_token"]
        # tokenizers raises plain Exception.
        except Exception as error:
            raise DataError(
                f"{folder} holds no tokenizer: {error}", "type `dvc repro prepare`"
            ) from error
        self._reference.encode_special_tokens = True
        self._reference.no_truncation()
        self._reference.no_padding()
        end_of_text = self._reference.token_to_id(eos)
        if end_of_text is None:
            raise DataError(f"{folder}: the vocabulary lacks its end-of-text token {eos!r}")
        self.end_of_text: int = end_of_text
        self.size: int = 1 + max(self._reference.get_vocab(with_added_tokens=True).values())

    def __reduce__(self) -> tuple[type["Encoder"], tuple[Path]]:
        return Encoder, (self._folder,)

    def encode_batch(self, texts: Sequence[str]) -> list[NDArray[np.uint32]]:
        """Return the ids of each text, without any token added."""
        return [
            np.array(self._reference.encode(text, add_special_tokens=False).ids, np.uint32)
            for text in texts
        ]
