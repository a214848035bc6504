"""What two versions were not made of alike."""

import functools
from typing import Literal

from stemma.layout import CONF, ENVIRONMENT, INPUT
from stemma.store.lock import Lock
from stemma.versions.history.records import Record

Kind = Literal["base", "data", "settings", "code", "environment"]
KINDS: tuple[Kind, ...] = ("base", "data", "settings", "code", "environment")
# The MD5 of nothing and of an empty line: a list of revoked records without any adds nothing.
_EMPTY = {"d41d8cd98f00b204e9800998ecf8427e", "68b329da9893e34099c7d8ad5cb9c940"}


def changes(before: Record, after: Record) -> dict[Kind, list[str]]:
    """Return what two versions were not made of alike, by kind: paths, or keys of settings."""
    found: dict[Kind, list[str]] = {}
    one, other = _inputs(before.lock), _inputs(after.lock)
    brought = {*before.lock.added, *after.lock.added}
    for path in sorted({path for path, _ in one.items() ^ other.items()}):
        if {one.get(path), other.get(path)} <= {None, *_EMPTY}:
            continue
        kind = "data" if path in brought else _kind(path)
        # To a section of code.lock comments are nothing.
        if kind and (kind != "code" or not (before.code and after.code)):
            found.setdefault(kind, []).append(path)
    # A change of what these stages make is one of its kind, whatever it came from.
    outputs: dict[Kind, tuple[str, str]] = {
        "base": (before.declared.base, after.declared.base),
        "data": (before.declared.raw, after.declared.raw),
    }
    for kind, (old, new) in outputs.items():
        if before.lock.outs.get(old) != after.lock.outs.get(new):
            found.setdefault(kind, []).append(new)
    # What only one of them ran is of another choice in the settings, or comes with an edited file.
    both = before.code.keys() & after.code.keys()
    if code := sorted(path for path in both if before.code[path] != after.code[path]):
        found["code"] = code
    was, now = before.settings, after.settings
    if moved := {key for key, _ in was.items() ^ now.items()}:
        found["settings"] = [key for key in {**was, **now} if key in moved]
    return {kind: found[kind] for kind in KINDS if kind in found}


@functools.cache
def _kind(path: str) -> Kind | None:
    if path == ENVIRONMENT.as_posix():
        return "environment"
    top = path.partition("/")[0]
    # An edit of conf/ counts where it changed a setting.
    return "data" if top == INPUT.parts[0] else "code" if top != CONF.name else None


def _inputs(lock: Lock) -> dict[str, str]:
    """Return the MD5 of all that no stage made, by path."""
    return {**lock.deps, **{path: md5 for path, (md5, _) in lock.added.items()}}
