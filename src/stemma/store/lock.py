"""dvc.lock: the stages of a version, what went into each and what came out; its only reader.

A file as DVC writes it is read line by line, since a YAML reader takes 7 ms for one and there may
be thousands; a stage whose text is known is not read again. One that looks in any way different
(edited by hand, of another DVC, with a URL) is read as YAML.
"""

import dataclasses
import functools
import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

import yaml

from stemma import merging
from stemma.layout import PARAMS
from stemma.store.errors import DamagedError, ProjectError

LOCK = "dvc.lock"
_AS_IT_WAS = "`dvc repro` where that commit is checked out and a side is taken makes it whole"
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml, where it is
_HEAD = "schema: '2.0'\nstages:"
_STAGE, _PART = re.compile(r"\n  (\S.*):(?=\n)"), re.compile(r"\n    (\S.*):(?=\n)")
_NAME = re.compile(r"[\w@./-]+")
_COMMAND = re.compile(r"\n    cmd: (.*)(?=\n    \S|\Z)")
_NEXT, _HASH = "\n    - path: ", " md5: "
# A path that YAML quotes, or that goes on in the next line, does not match.
_ENTRY = re.compile(r"([\w./].*)\n      hash: md5\n      md5: (\S+)\n      size: (\d+)(?:\n|$)")
# What is no UTF-8 becomes the last; YAML and `merging` say what is wrong with the others.
_ODD = ("<<<<<<< ", "||||||| ", ">>>>>>> ", "\N{REPLACEMENT CHARACTER}")
_KNOWN_STAGES, _KNOWN_ENTRIES = 2**10, 2**14  # that stay parsed


@dataclasses.dataclass(frozen=True)
class LockEntry:
    """One dependency or output of a stage.

    Attributes:
        path: relative to the project's root, or a URL.
        md5: of the file; of a folder, of its listing, ending in ``.dir``; at a URL the ETag.
        size: bytes.
    """

    path: str
    md5: str
    size: int

    @property
    def is_external(self) -> bool:
        """Whether it is at a URL, of which DVC keeps no copy."""
        return "://" in self.path


@dataclasses.dataclass(frozen=True)
class Stage:
    """One stage of a version.

    Attributes:
        read: the settings that it read, by file and key; their YAML until somebody asks.
    """

    name: str
    command: str
    deps: tuple[LockEntry, ...]
    outs: tuple[LockEntry, ...]
    read: Mapping[str, Mapping[str, Any]] | str

    @functools.cached_property
    def params(self) -> dict[str, Any]:
        """The settings that it read from params.yaml."""
        return self.params_of(PARAMS.name)

    def params_of(self, file: str) -> dict[str, Any]:
        """Return the settings that it read from a file; {} if it read none.

        Raises:
            ProjectError: dvc.lock cannot be read.
        """
        try:
            found = load(self.read) if isinstance(self.read, str) else self.read
            return dict(found.get(file) or {})
        except (yaml.YAMLError, TypeError, ValueError, AttributeError) as error:
            raise _unreadable(f"the stage {self.name}", error) from error


@dataclasses.dataclass(frozen=True)
class Lock:
    """What a version was made of.

    Attributes:
        stages: what each dvc.lock says, in its order.
        added: what ``dvc add`` or ``dvc import`` brought, MD5 and bytes by path.
    """

    stages: tuple[Stage, ...]
    added: Mapping[str, tuple[str, int]] = dataclasses.field(default_factory=dict)

    @classmethod
    def joined(cls, locks: Sequence["Lock"], added: Mapping[str, tuple[str, int]]) -> "Lock":
        """Return what several dvc.lock of one repository say together, and what was added."""
        if len(locks) == 1 and not added:
            return locks[0]
        return cls(tuple(stage for one in locks for stage in one.stages), added)

    @functools.cached_property
    def kept(self) -> Mapping[str, tuple[str, int]]:
        """MD5 and bytes of all that DVC keeps of the version, by path."""
        return {**self.added, **self.outs}

    def holding(self, path: str) -> Iterator[tuple[str, str]]:
        """Yield the outputs that are a file or hold it, and its path in each."""
        for output in (path, *map(str, PurePosixPath(path).parents)):
            if output in self.kept:
                yield output, path[len(output) :].lstrip("/")

    @property
    def parts(self) -> tuple[Stage, ...]:
        """The stages, and behind them one for each ``.dvc`` file, as DVC has them."""
        brought = (
            Stage(f"{path}.dvc", "", (), (LockEntry(path, *entry),), {})
            for path, entry in self.added.items()
        )
        return (*self.stages, *brought)

    @functools.cached_property
    def outs(self) -> Mapping[str, tuple[str, int]]:
        """MD5 and bytes of every output, by path."""
        return {one.path: (one.md5, one.size) for stage in self.stages for one in stage.outs}

    @functools.cached_property
    def deps(self) -> Mapping[str, str]:
        """MD5 of every dependency that no stage made, by path."""
        return {
            one.path: one.md5
            for stage in self.stages
            for one in stage.deps
            if one.path not in self.outs
        }


def parse(raw: bytes, owner: str) -> Lock:
    """Return what a dvc.lock says.

    Args:
        raw: its bytes.
        owner: whose it is, for an error.

    Raises:
        ProjectError: it cannot be read.
    """
    return _read_lines(raw.decode(errors="replace")) or _read_yaml(raw, owner)


def moved(lock: Lock, folder: str, working: Mapping[str, str]) -> Lock:
    """Return what a dvc.lock says, with all paths from the project's root.

    Args:
        lock: of a dvc.lock.
        folder: in which it stands; empty for the root itself.
        working: the ``wdir`` of stages that have one, by name.
    """
    if not folder and not working:
        return lock
    return Lock(tuple(_moved(stage, folder, working) for stage in lock.stages))


def _moved(stage: Stage, folder: str, working: Mapping[str, str]) -> Stage:
    wdir = posixpath.join(folder, working.get(stage.name.partition("@")[0], ""))
    deps, outs = (
        tuple(dataclasses.replace(one, path=_below(wdir, one.path)) for one in entries)
        for entries in (stage.deps, stage.outs)
    )
    name = f"{folder}/dvc.yaml:{stage.name}" if folder else stage.name  # as DVC addresses it
    return dataclasses.replace(stage, name=name, deps=deps, outs=outs)


def _below(folder: str, path: str) -> str:
    return path if "://" in path else posixpath.normpath(posixpath.join(folder, path))


def added(raw: bytes | None, owner: str, folder: str = "") -> dict[str, tuple[str, int]]:
    """Return MD5 and bytes of what a ``.dvc`` file points to, by path from the project's root.

    Args:
        raw: its bytes; None if there is no such file.
        owner: what it is, for an error.
        folder: in which it stands.

    Raises:
        DamagedError: it cannot be read.
    """
    try:
        told = {} if raw is None else load(raw)
        wdir = posixpath.join(folder, told.get("wdir") or "")
        # What was imported without being fetched has no MD5 yet.
        return {
            _below(wdir, out["path"]): (str(out["md5"]), int(out.get("size") or 0))
            for out in told.get("outs") or ()
            if "md5" in out
        }
    except (yaml.YAMLError, LookupError, TypeError, ValueError, AttributeError) as error:
        said = " ".join(str(error).split())
        raise DamagedError(f"{owner} cannot be read: {said}", "was it merged by hand?") from error


def load(text: str | bytes) -> dict[str, Any]:
    """Return what a YAML file of DVC has; {} if it is empty.

    Raises:
        YAMLError: it is no YAML.
    """
    return yaml.load(text, _LOADER) or {}


def _read_lines(text: str) -> Lock | None:
    """Read a file as DVC writes it; None if it is not as DVC writes it."""
    text = text.replace("\r\n", "\n") if "\r" in text else text  # as Git checked it out
    if not text.startswith(_HEAD) or text[-1] != "\n" or any(sign in text for sign in _ODD):
        return None
    before, *parts = _STAGE.split(text[len(_HEAD) : -1])
    names = parts[::2]
    if before or len({*names}) < len(names):
        return None
    stages = [_read_stage(name, part) for name, part in zip(names, parts[1::2], strict=True)]
    found = tuple(stage for stage in stages if stage)
    return Lock(found) if len(found) == len(stages) else None


@functools.lru_cache(_KNOWN_STAGES)
def _read_stage(name: str, text: str) -> Stage | None:
    command = _COMMAND.match(text)
    if command is None or not _NAME.fullmatch(name):
        return None
    before, *parts = _PART.split(text[command.end() :])
    found = dict(zip(parts[::2], parts[1::2], strict=True))
    said = _read_command(command[1])
    deps, outs = (_read_entries(found.get(part)) for part in ("deps", "outs"))
    odd = before or found.keys() - {"deps", "params", "outs"} or len(found) < len(parts) // 2
    if odd or said is None or deps is None or outs is None:
        return None
    return Stage(name, said, deps, outs, found.get("params", ""))


@functools.lru_cache(_KNOWN_STAGES)
def _read_command(text: str) -> str | None:
    # YAML knows what is a text and what is a number, a list or a comment.
    try:
        said = load(f"cmd: {text}")["cmd"]
    except (yaml.YAMLError, KeyError):
        return None
    return said if isinstance(said, str) else None


def _read_entries(text: str | None) -> tuple[LockEntry, ...] | None:
    if text is None:
        return ()
    before, *pieces = text.split(_NEXT)
    entries = [_read_entry(piece) for piece in pieces]
    found = tuple(entry for entry in entries if entry)
    return None if before or len(found) < len(entries) else found


@functools.lru_cache(_KNOWN_ENTRIES)
def _read_entry(piece: str) -> LockEntry | None:
    match = _ENTRY.match(piece) if piece.count(_HASH) == 1 else None
    if match is None or ": " in match[1] or " #" in match[1]:
        return None
    return LockEntry(match[1], match[2], int(match[3]))


def _read_yaml(raw: bytes, owner: str) -> Lock:
    if merging.has_marks(raw):
        raise ProjectError(f"{LOCK} of {owner} has the marks of an unfinished merge", _AS_IT_WAS)
    try:
        told = load(raw)
        if (schema := str(told.get("schema", 2))).partition(".")[0] != "2":
            raise ProjectError(f"{LOCK} of {owner} has schema {schema}", "a later DVC wrote it")
        return Lock(tuple(_stage(name, facts) for name, facts in told["stages"].items()))
    except (yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise _unreadable(owner, error) from error


def _unreadable(owner: str, error: Exception) -> ProjectError:
    told = f"{LOCK} of {owner} cannot be read: {' '.join(str(error).split())}"
    return ProjectError(told, "was it merged or edited by hand?")


def _stage(name: str, raw: dict[str, Any]) -> Stage:
    deps, outs = (tuple(map(_entry, raw.get(part, ()))) for part in ("deps", "outs"))
    return Stage(name, raw["cmd"], deps, outs, raw.get("params", {}))


def _entry(raw: dict[str, Any]) -> LockEntry:
    name = raw.get("etag") or raw.get("checksum") or raw["md5"]  # HDFS has the second
    return LockEntry(raw["path"], name, raw.get("size", 0))
