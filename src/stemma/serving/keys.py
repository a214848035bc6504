"""The keys of those who may ask: a file with the hash of each, and how often it may ask."""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
import re
import secrets
import time
from pathlib import Path
from typing import Any

import yaml

from stemma.files import atomic_file
from stemma.store.errors import ProjectError

_PREFIX = "sk-stemma-"
_BYTES = 32
_MINUTE = 60.0
_SHA256 = re.compile("[0-9a-f]{64}")
_HEAD = "# Written by `stemma key`: hashes of keys, and requests per minute of each (null: any).\n"


@dataclasses.dataclass(frozen=True)
class Key:
    """A key.

    Attributes:
        name: of the one who has it.
        sha256: of the key; it has 256 random bits, so that no slower hash is needed.
        per_minute: how many requests it may make in a minute; None for any number.
    """

    name: str
    sha256: str
    per_minute: int | None


def read(path: Path) -> list[Key]:
    """Return the keys of a file.

    Raises:
        ProjectError: it is not there, torn, or has none.
    """
    found = _entries(path)
    if not found:
        raise ProjectError(f"{path} has no key", "`stemma key NAME` makes one")
    return found


def make(path: Path, name: str, per_minute: int | None) -> str:
    """Add a key to a file, and return it: it stands nowhere.

    Raises:
        ProjectError: the name is taken, or the file is torn.
    """
    known = _entries(path) if path.exists() else []
    if any(one.name == name for one in known):
        raise ProjectError(f"{path} has a key of {name} already", f"`stemma key {name} --revoke`")
    key = _PREFIX + secrets.token_urlsafe(_BYTES)
    _write(path, [*known, Key(name, _hash(key), per_minute)])
    return key


def revoke(path: Path, name: str) -> None:
    """Take a key out of a file.

    Raises:
        ProjectError: there is none of this name, or the file is torn.
    """
    known = _entries(path)
    if all(one.name != name for one in known):
        raise ProjectError(f"{path} has no key of {name}", "see what is in it")
    _write(path, [one for one in known if one.name != name])


class Doorkeeper:
    """Lets those in who have a key.

    Args:
        keys: that count.
    """

    def __init__(self, keys: list[Key]) -> None:
        self._keys = keys
        self._left = {one.name: (float(one.per_minute or 0), time.monotonic()) for one in keys}

    def who(self, key: str) -> Key | None:
        """Return whose key it is; None if it is nobody's. All are compared, in constant time."""
        digest = _hash(key)
        found = [one for one in self._keys if hmac.compare_digest(one.sha256, digest)]
        return found[0] if found else None

    def wait(self, key: Key) -> float:
        """Count a request, and return 0, or in how many seconds the key may make it."""
        if key.per_minute is None:
            return 0.0
        left, then = self._left[key.name]
        now = time.monotonic()
        rate = key.per_minute / _MINUTE
        left = min(float(key.per_minute), left + (now - then) * rate)
        granted = left >= 1
        self._left[key.name] = (left - granted, now)
        return 0.0 if granted else (1 - left) / rate


def _entries(path: Path) -> list[Key]:
    """Return the keys of a file, of which there may be none.

    Raises:
        ProjectError: it is not there, or torn.
    """
    try:
        told = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        return [
            Key(str(name), _digest(facts["sha256"]), _rate(facts["per_minute"]))
            for name, facts in told.items()
        ]
    except FileNotFoundError as error:
        raise ProjectError(f"there is no {path}", "`stemma key NAME` makes a key") from error
    except (OSError, ValueError, yaml.YAMLError, LookupError, TypeError, AttributeError) as error:
        line = " ".join(str(error).split())
        raise ProjectError(f"{path} cannot be read: {line}", "`stemma key` writes it") from error


def _digest(told: Any) -> str:
    if not isinstance(told, str) or not _SHA256.fullmatch(told):
        raise ValueError(f"{told!r} is no SHA-256")
    return told


def _rate(told: Any) -> int | None:
    if told is not None and (type(told) is not int or told < 1):
        raise ValueError(f"per_minute is {told!r}, which is no number of requests")
    return told


def _write(path: Path, keys: list[Key]) -> None:
    entries = {one.name: {"sha256": one.sha256, "per_minute": one.per_minute} for one in keys}
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(path, "w") as handle:
        handle.write(_HEAD + (yaml.safe_dump(entries, sort_keys=False) if entries else ""))


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
