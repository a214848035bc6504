"""Turn text into token ids: exactly those of the reference, tokenizers, at many times its speed.

gigatoken does the work if it has agreed with the reference on probes of the tokenizer and on every
non-ASCII character of the text; otherwise tokenizers does it. The choice is a function of the
tokenizer and the text alone, so the ids depend neither on the batch nor on the worker.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

import numpy as np
from gigatoken.gigatoken_rs import BPETokenizer, load_hf_json
from numpy.typing import NDArray
from tokenizers import Tokenizer

from stemma.corpus.tokenizer.reading import read_tokenizer
from stemma.errors import DataError
from stemma.files import read_json

# gigatoken remembers every word that it has met, which takes about seven bytes per character.
_REOPEN_CHARACTERS = 2**25
_PROBED_ENTRIES = 1024


class Encoder:
    """The tokenizer of a folder, ready to encode; pickled, it is the folder's path.

    A control token written out in a text, such as a literal ``<|endoftext|>``, is encoded as the
    characters it consists of: what a document says can never end it. (In transformers, that is
    ``split_special_tokens=True``.)

    Args:
        folder: written by ``make_tokenizer``.
        name: for messages, if the user knows it by another name than the folder's.

    Attributes:
        folder: of the tokenizer.
        name: of the tokenizer, for messages.
        end_of_text: the id that ends a document.
        padding: the id that fills up a batch; None where the tokenizer has none.
        size: number of ids, one more than the largest.
        unknown: the id that stands for what the vocabulary lacks; None if it lacks nothing, or
            leaves it out.

    Raises:
        DataError: the folder holds no such tokenizer.
    """

    def __init__(self, folder: Path, name: str = "") -> None:
        self.folder = folder
        self.name = name or str(folder)
        self._reference = open_reference(folder)
        self.end_of_text: int = _end_of_text(folder, self._reference)
        self.padding: int | None = _padding(folder, self._reference)
        self.size: int = 1 + max(self._reference.get_vocab(with_added_tokens=True).values())
        self.unknown: int | None = unknown_of(self._reference)
        self._fast = _FastEncoder.open(self._reference)

    def __reduce__(self) -> tuple[type["Encoder"], tuple[Path, str]]:
        return Encoder, (self.folder, self.name)

    def encode_batch(self, texts: Sequence[str]) -> list[NDArray[np.uint32]]:
        """Return the ids of each text, with no token added."""
        if self._fast is None:
            return [_encode_reference(self._reference, text) for text in texts]
        return [self._fast.encode(text) for text in texts]

    def restores(self, text: str, ids: NDArray[np.integer]) -> bool:
        """Return whether a text comes back exactly from the ids that `encode_batch` returned."""
        if self._fast is not None and self._fast.decode(ids) == text.encode():
            return True
        return self._reference.decode(ids.tolist(), skip_special_tokens=False) == text


class _FastEncoder:
    """gigatoken, for texts whose characters it has been seen to treat as the reference does."""

    def __init__(self, source: bytes, backend: BPETokenizer, reference: Tokenizer) -> None:
        self._source = source
        self._backend = backend
        self._reference = reference
        self._encoded = 0
        self._alike: set[str] = set(map(chr, range(128)))
        self._unlike: set[str] = set()

    @classmethod
    def open(cls, reference: Tokenizer) -> "_FastEncoder | None":
        """Return None if gigatoken does not know the tokenizer, or gives other ids for probes."""
        serialized = json.loads(reference.to_str())
        if serialized["normalizer"]:  # may join characters, which are tried one by one
            return None
        # Control tokens in a text are plain characters, see Encoder.
        serialized["added_tokens"] = [
            token for token in serialized["added_tokens"] if not token["special"]
        ]
        source = json.dumps(serialized).encode()
        backend = _open_backend(source)
        if backend is None:
            return None
        fast = cls(source, backend, reference)
        return fast if all(map(fast._agrees, _probes(reference))) else None

    def encode(self, text: str) -> NDArray[np.uint32]:
        """Return the reference's ids."""
        if not text.isascii() and not self._knows(set(text)):
            return _encode_reference(self._reference, text)
        if self._encoded > _REOPEN_CHARACTERS:
            self._backend = cast(BPETokenizer, load_hf_json(self._source))
            self._encoded = 0
        self._encoded += len(text)
        return self._backend.encode(text)

    def decode(self, ids: NDArray[np.integer]) -> bytes:
        """Return the bytes that the ids stand for."""
        return self._backend.decode(ids)

    def _knows(self, characters: set[str]) -> bool:
        # Both may follow different versions of Unicode, so every character is tried when first met.
        for character in characters - self._alike:
            if character in self._unlike:
                continue
            alike = self._agrees(_in_contexts(character))
            (self._alike if alike else self._unlike).add(character)
        return self._unlike.isdisjoint(characters)

    def _agrees(self, text: str) -> bool:
        return np.array_equal(self._backend.encode(text), _encode_reference(self._reference, text))


def _probes(reference: Tokenizer) -> Iterator[str]:
    """Yield texts with ASCII in pairs and runs, entries of the vocabulary, and added tokens."""
    ascii_characters = [chr(code) for code in range(128)]
    for first in ascii_characters:
        yield "".join(f"{first}{first}{second}" for second in ascii_characters)
    yield "I'm don't he's we'll I'D THEY'RE you've 'sblood 1 12 123 1234 a1b22 \n\n a \r\n\t  b!?\n"
    ids = sorted(reference.get_vocab(with_added_tokens=False).values())
    for index in range(0, len(ids), _PROBED_ENTRIES):
        entries = ids[index : index + _PROBED_ENTRIES]
        yield "\n".join(reference.decode([entry], skip_special_tokens=False) for entry in entries)
    for token in reference.get_added_tokens_decoder().values():
        yield f"{token.content}a{token.content} {token.content}  {token.content}"


def _in_contexts(character: str) -> str:
    # Next to letters, digits, spaces, line ends, punctuation and itself.
    contexts = ("a{0}b ", "  {0}1", "'{0}{0}", "{0}\n ", "-{0}2 ", "A{0}.{0} {0}{0}a")
    return "".join(context.format(character) for context in contexts)


def _open_backend(source: bytes) -> BPETokenizer | None:
    try:
        backend = load_hf_json(source)
    except RuntimeError:  # how gigatoken says that it does not support a tokenizer
        return None
    return backend if isinstance(backend, BPETokenizer) else None


def open_reference(folder: Path) -> Tokenizer:
    """Return the tokenizer of a folder, set to take control tokens in texts for plain characters.

    Raises:
        DataError: the folder holds no tokenizer.
    """
    path = folder / "tokenizer.json"
    reference = read_tokenizer(path, DataError, f"{path} holds no tokenizer", _REMEDY)
    reference.encode_special_tokens = True
    reference.no_truncation()
    reference.no_padding()
    return reference


def _end_of_text(folder: Path, reference: Tokenizer) -> int:
    path = folder / "tokenizer_config.json"
    try:
        token = read_json(path)["eos_token"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} names no eos_token: {error!r}", _REMEDY) from error
    index = reference.token_to_id(token)
    if index is None:
        raise DataError(f"{path}: the vocabulary lacks the eos_token {token!r}", _REMEDY)
    return index


def _padding(folder: Path, reference: Tokenizer) -> int | None:
    token = read_json(folder / "tokenizer_config.json").get("pad_token")
    return reference.token_to_id(token) if isinstance(token, str) else None


def unknown_of(reference: Tokenizer) -> int | None:
    """Return the id that stands for what the vocabulary lacks; None if there is none."""
    model = json.loads(reference.to_str())["model"]
    token = model.get("unk_token")
    return reference.token_to_id(token) if token else model.get("unk_id")


def _encode_reference(reference: Tokenizer, text: str) -> NDArray[np.uint32]:
    return np.array(reference.encode(text, add_special_tokens=False).ids, np.uint32)


_REMEDY = "type `dvc repro prepare`"
