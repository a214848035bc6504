"""Fertility: how many tokens two tokenizers need for the same text, that of the test split."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from stemma.store.version import Version
from stemma.versions.contents.manifest import has_manifest, read
from stemma.versions.differences.tokenizer.byte_level import bytes_of

_SPACE = b" \t\n\r\x0b\x0c"
_BLOCK = 2**20  # tokens


@dataclasses.dataclass(frozen=True)
class Fertility:
    """How many tokens two tokenizers need for the same documents.

    Attributes:
        documents: how many documents of the test split both versions have.
        size: of these documents, in UTF-8 bytes.
        words: how many words they have, that is runs of bytes other than white space; None if that
            cannot be counted.
        tokens: how many each tokenizer needs, without the tokens that end a document.
    """

    documents: int
    size: int
    words: int | None
    tokens: tuple[int, int]

    def facts(self) -> dict[str, Any]:
        """Return the counts and the rates."""
        per_word = [tokens / self.words for tokens in self.tokens] if self.words else None
        return {
            "documents": self.documents,
            "bytes": self.size,
            "words": self.words,
            "tokens": list(self.tokens),
            "tokens_per_byte": [tokens / self.size for tokens in self.tokens],
            "tokens_per_word": per_word,
        }

    def clause(self) -> str:
        """Return it as a clause of a sentence."""
        before, after = self.tokens
        if before == after:
            return "the test text takes as many tokens as before"
        more = f"{abs(after / before - 1):.1%} {'more' if after > before else 'fewer'} tokens"
        return f"the test text takes {more}"


def fertility_of(a: Version, b: Version, entries: Mapping[str, int]) -> Fertility | None:
    """Return the fertility of two tokenizers; None if no document of the test split is in both.

    Args:
        a: the first version.
        b: the second version.
        entries: the vocabulary of ``a`` without added tokens, which do not occur within a text.

    Raises:
        DataError: a manifest is torn.
        MissingError: a manifest or the tokens cannot be found.
    """
    sides = [_test_documents(version) for version in (a, b)]
    if any(side is None or not len(side) for side in sides):
        return None
    one, other = (side.append_column("nth", _nth(side)) for side in sides if side is not None)
    both = one.join(other, ["sha256", "bytes", "nth"], right_suffix="_b", join_type="inner")
    size, *tokens = (int(both[name].to_numpy().sum()) for name in ("bytes", "tokens", "tokens_b"))
    if not size:
        return None
    words = _count_words(a, entries) if len(both) == len(one) else None
    # One token of each document is the one that ends it.
    return Fertility(len(both), size, words, (tokens[0] - len(both), tokens[1] - len(both)))


def _test_documents(version: Version) -> pa.Table | None:
    if not has_manifest(version):
        return None
    return read(version, ["sha256", "bytes", "tokens"], [("split", "=", "test")])


def _nth(table: pa.Table) -> pa.Array:
    # Tells documents of the same text apart.
    seen: dict[str, int] = {}
    numbers = []
    for key in table["sha256"].to_pylist():
        numbers.append(seen.get(key, 0))
        seen[key] = numbers[-1] + 1
    return pa.array(numbers, pa.int64())


def _count_words(version: Version, entries: Mapping[str, int]) -> int | None:
    """Count the words of the test split in its tokens, without decoding them.

    It is enough to know of each entry how many words it begins, and whether it ends in white space.
    """
    raw = {number: bytes_of(entry) for entry, number in entries.items()}
    size = 1 + max(raw, default=-1)
    # A token outside the vocabulary ends a document, and so a word, as white space does.
    inner, opens, ends = np.zeros(size, np.int64), np.zeros(size, bool), np.ones(size, bool)
    for number, value in raw.items():
        if value is None:
            return None
        if value:
            opens[number], ends[number] = value[0] not in _SPACE, value[-1] in _SPACE
            inner[number] = len(value.split()) - opens[number]
    path = version.path(version.declared.prepared, "test.tokens.npy")
    tokens = np.load(path, mmap_mode="r")
    words, after_space = 0, True
    for start in range(0, len(tokens), _BLOCK):
        block = np.asarray(tokens[start : start + _BLOCK], np.int64)
        before = np.concatenate(([after_space], ends[block[:-1]]))
        words += int(inner[block].sum() + (opens[block] & before).sum())
        after_space = bool(ends[block[-1]])
    return words
