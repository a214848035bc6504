"""A tokenizer as its files describe it: plain JSON, whoever made it."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from stemma.errors import DataError
from stemma.store.version import Version

_FILE, _CONFIG, _TEMPLATE = "tokenizer.json", "tokenizer_config.json", "chat_template.jinja"
# What transformers notes of how it was loaded, and what stands elsewhere too.
_NOTES = ("is_local", "local_files_only", "added_tokens_decoder", "chat_template", "backend")
_PARTS = ("vocab", "merges")


@dataclasses.dataclass(frozen=True)
class TokenizerFiles:
    """Output, path and MD5 of each file of a version's tokenizer, by the file's name."""

    version: Version
    files: Mapping[str, tuple[str, str, str]]

    @property
    def hashes(self) -> dict[str, str]:
        """The MD5 of each file."""
        return {name: md5 for name, (_, _, md5) in self.files.items()}


@dataclasses.dataclass(frozen=True)
class Tokenizer:
    """What a tokenizer is made of.

    Attributes:
        vocabulary: id by entry, without the added tokens.
        merges: pairs of entries in the order of their rank.
        added: the added tokens by content, each with its id and how it is matched.
        settings: every other setting by its dotted key, of tokenizer.json and its configuration.
        template: of a chat; None if it has none.
    """

    vocabulary: dict[str, int]
    merges: list[tuple[str, str]]
    added: dict[str, dict[str, Any]]
    settings: dict[str, Any]
    template: str | None


def find(version: Version) -> TokenizerFiles | None:
    """Return where the tokenizer of a version is: that of its data, or beside its model."""
    places = (version.declared.prepared, "tokenizer/"), (version.declared.trained, "")
    for output, folder in places:
        there = version.files(output)
        if f"{folder}{_FILE}" in there:
            names = {name: f"{folder}{name}" for name in (_FILE, _CONFIG, _TEMPLATE)}
            files = {n: (output, path, there[path]) for n, path in names.items() if path in there}
            return TokenizerFiles(version, files)
    return None


def read(found: TokenizerFiles) -> Tokenizer:
    """Read a tokenizer.

    Raises:
        DataError: a file is torn.
        MissingError: bytes are nowhere.
    """
    texts = {name: _text(found, name) for name in found.files}
    said = f"{_FILE} of {found.version.name}"
    whole, config = _json(found, texts, _FILE), _json(found, texts, _CONFIG)
    try:
        model = whole["model"]
        added = {token["content"]: dict(token) for token in whole.get("added_tokens") or ()}
        vocabulary = _vocabulary(model.get("vocab") or {})
        # Older files have the two of a pair in one string.
        pairs = (m.split(" ", 1) if isinstance(m, str) else m for m in model.get("merges") or ())
        merges = [(left, right) for left, right in pairs]
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        raise DataError(f"{said} is no tokenizer: {error!r}") from error
    kept = {key: value for key, value in model.items() if key not in _PARTS}
    rest = {key: value for key, value in whole.items() if key not in ("added_tokens", "version")}
    settings = {**rest, "model": kept, **{k: v for k, v in config.items() if k not in _NOTES}}
    template = texts.get(_TEMPLATE, config.get("chat_template"))
    return Tokenizer(
        {entry: number for entry, number in vocabulary.items() if entry not in added},
        merges,
        added,
        dict(_leaves(settings)),
        template if template is None or isinstance(template, str) else json.dumps(template),
    )


def _vocabulary(value: Any) -> dict[str, int]:
    # That of Unigram is a list of entries with their scores.
    if isinstance(value, list):
        return {entry: number for number, (entry, _) in enumerate(value)}
    return dict(value)


def _leaves(value: Any, key: str = "") -> list[tuple[str, Any]]:
    if not isinstance(value, dict) or not value:
        return [(key, value)]
    return [
        leaf for name in value for leaf in _leaves(value[name], f"{key}.{name}" if key else name)
    ]


def _text(found: TokenizerFiles, name: str) -> str:
    output, path, _ = found.files[name]
    try:
        return found.version.path(output, path).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"{name} of {found.version.name} is no text: {error}") from error


def _json(found: TokenizerFiles, texts: Mapping[str, str], name: str) -> dict[str, Any]:
    try:
        value = json.loads(texts.get(name, "{}"))
    except ValueError as error:
        raise DataError(f"{name} of {found.version.name} is no JSON: {error}") from error
    if not isinstance(value, dict):
        raise DataError(f"{name} of {found.version.name} holds no JSON object")
    return value
