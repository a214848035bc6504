"""Fertility: how many tokens two tokenizers make of the same text, that of the test split."""

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
    """Of two tokenizers on the same documents.

    Attributes:
        documents: of the test split, that both versions have.
        size: their UTF-8 bytes.
        words: runs of bytes other than white space; None where they cannot be counted.
        tokens: of each tokenizer, without those that end a document.
    """

    documents: int
    size: int
    words: int | None
    tokens: tuple[int, int]

    def facts(self) -> dict[str, Any]:
        """Return it for ``--json``."""
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
        """Say it in a clause."""
        before, after = self.tokens
        if before == after:
            return "the test text takes as many tokens as before"
        more = f"{abs(after / before - 1):.1%} {'more' if after > before else 'fewer'} tokens"
        return f"the test text takes {more}"


def fertility_of(a: Version, b: Version, entries: Mapping[str, int]) -> Fertility | None:
    """Return the fertility of two tokenizers; None if no document of the test split is in both.

    Args:
        a: a version.
        b: another.
        entries: the vocabulary of ``a``; of its added tokens, none stands within a text.

    Raises:
        DataError: a manifest is torn.
        MissingError: bytes are nowhere.
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
    # Each document has one more, which ends it.
    return Fertility(len(both), size, words, (tokens[0] - len(both), tokens[1] - len(both)))


def _test_documents(version: Version) -> pa.Table | None:
    if not has_manifest(version):
        return None
    return read(version, ["sha256", "bytes", "tokens"], [("split", "=", "test")])


def _nth(table: pa.Table) -> pa.Array:
    # Of documents with one text, which one it is.
    seen: dict[str, int] = {}
    numbers = []
    for key in table["sha256"].to_pylist():
        numbers.append(seen.get(key, 0))
        seen[key] = numbers[-1] + 1
    return pa.array(numbers, pa.int64())


def _count_words(version: Version, entries: Mapping[str, int]) -> int | None:
    """Count them in the tokens themselves: what an entry begins, and whether it ends in a space."""
    raw = {number: bytes_of(entry) for entry, number in entries.items()}
    size = 1 + max(raw, default=-1)
    # What is no entry of the vocabulary ends a document, as white space ends a word.
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
