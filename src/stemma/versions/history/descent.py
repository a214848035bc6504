"""Which versions are fine-tunes of which, or merged of which."""

import dataclasses
import functools
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stemma.errors import ModelError
from stemma.store import git, pipelines
from stemma.store.cache import Cache
from stemma.store.errors import MissingError
from stemma.versions.history.records import Record

_WEIGHTS = ".safetensors"
# As modeling/bases/writing.py has it, which takes 0.1 s to import.
_RECORD = "base.json"
_KIND = "model.base.kind"
# The settings that name what was started from, by the kinds that may be earlier versions.
_NAMING = {"path": "model.base.path", "merged": "model.base.parents"}
_EARLIER = "stemma://"
_NAME = re.compile(rf"{_EARLIER}([^\s:'\"]+)")


@dataclasses.dataclass(frozen=True)
class _Start:
    """A model that the training of a version, or a merge, started from.

    Attributes:
        commit: the version that base.json says it is; empty if none.
        weights: the MD5 of its files.
        is_parent: False of what the parents of a merged model were trained from.
    """

    commit: str
    weights: frozenset[str]
    is_parent: bool = True


class Descent:
    """From which earlier versions each version of a history was fine-tuned or merged.

    A version descends from another if its base.json names that one (``stemma://``), or if its base,
    or a model that was merged into it, has a file of weights that the other made, byte for byte,
    however it was brought here. What was merged also descends from what its parents were trained
    from.

    Args:
        records: the versions, newest first.
        root: the project's root.
        remote: whether to fetch what the cache lacks.

    Raises:
        ModelError: a base.json is torn.

    Attributes:
        unknown: why the base of a version is not known, by its commit, for those that were asked
            for so far.
    """

    def __init__(self, records: Sequence[Record], root: Path = Path(), remote: bool = True) -> None:
        self._cache, self._root = Cache(root, remote), root
        self._records = {record.commit: record for record in records}
        self._listed: dict[str, dict[str, str] | MissingError] = {}
        self._started: dict[str, tuple[_Start, ...]] = {}
        self.unknown: dict[str, str] = {}

    def bases(self, commit: str) -> tuple[str, ...]:
        """Return the commits whose weights a version started from: several if these were merged.

        Each is the commit that base.json names, or else the oldest that made the same weights.
        """
        parents = [one for one in self._starts(self._records[commit]) if one.is_parent]
        found = (one.commit or self._oldest(one, commit) for one in parents)
        return tuple(dict.fromkeys(filter(None, found)))

    def ancestors(self, commit: str) -> set[str]:
        """Return the commits whose weights went into a version, through any number of bases."""
        found: set[str] = set()
        asked = [commit]
        while asked:
            new = self._parents.get(asked.pop(), set()) - found
            found |= new
            asked += new
        return found - {commit}

    @functools.cached_property
    def _parents(self) -> dict[str, set[str]]:
        records = self._records.values()
        named = {one.commit for record in records for one in self._starts(record) if one.commit}
        keys = pipelines.keys_at(sorted(named), self._root)
        by_key: dict[str, list[str]] = {}
        for record in records:
            by_key.setdefault(record.key, []).append(record.commit)
        found: dict[str, set[str]] = {}
        for record in records:
            parents: set[str] = set()
            for start in self._starts(record):
                parents.update(by_key.get(keys.get(start.commit, ""), ()), self._made(start))
            found[record.commit] = parents - {record.commit}
        return found

    @functools.cached_property
    def _makers(self) -> Mapping[str, set[str]]:
        """The versions that made a file of weights, not took it over, by the file's MD5."""
        makers: dict[str, set[str]] = {}
        for record in self._records.values():
            made = _weights_in(self._files(record, record.declared.trained))
            made |= _weights_in(self._files(record, record.declared.exported))
            for weights in made.difference(*(one.weights for one in self._starts(record))):
                makers.setdefault(weights, set()).add(record.commit)
        return makers

    def _made(self, start: _Start) -> set[str]:
        """Return the versions that made a file of a model."""
        return set().union(*(self._makers.get(md5, ()) for md5 in start.weights))

    def _oldest(self, start: _Start, commit: str) -> str:
        made = self._made(start) - {commit}
        return next((one for one in reversed(self._records) if one in made), "")

    def _starts(self, record: Record) -> tuple[_Start, ...]:
        """Return the models that a version started from, as base.json and the files tell."""
        if record.commit not in self._started:
            self._started[record.commit] = self._read(record)
        return self._started[record.commit]

    def _read(self, record: Record) -> tuple[_Start, ...]:
        files = self._files(record, record.declared.base)
        unnamed = (_Start("", frozenset(_weights_in(files))),)
        if _RECORD not in files:
            return unnamed
        said = _of(record, f"{record.declared.base}/{_RECORD}")
        try:
            facts = json.loads(self._cache.path(files[_RECORD], said).read_bytes())
            return _starts_in(facts, files)
        except MissingError as error:
            self.unknown[record.commit] = str(error)
            return unnamed
        except (ValueError, LookupError, AttributeError, TypeError) as error:
            raise ModelError(
                f"{said} cannot be read: {error!r}", "`stemma fsck` shows all that is lost"
            ) from error

    def _files(self, record: Record, output: str) -> dict[str, str]:
        entry = record.lock.outs.get(output)
        if entry is None:
            return {}
        if entry[0] not in self._listed:
            try:
                self._listed[entry[0]] = self._cache.files(entry[0], _of(record, output))
            except MissingError as error:
                self._listed[entry[0]] = error
        listed = self._listed[entry[0]]
        if isinstance(listed, MissingError):
            if output == record.declared.base:
                self.unknown[record.commit] = str(listed)
            return {}
        return listed


def bases(
    asked: Sequence[Record], known: Sequence[Record], root: Path
) -> dict[str, tuple[str, ...]]:
    """Return the commits that each fine-tune or merged version started from, by its own commit.

    Nothing is fetched from a remote: where the cache lacks what tells, the settings do. Where no
    version has a base of its own, nothing is read.

    Args:
        asked: the versions whose bases are wanted.
        known: the versions to look among, newest first, for the weights of a base that was brought
            as files.
        root: the project's root.

    Raises:
        ModelError: a base.json is torn.
    """
    based = [record for record in asked if record.settings.get(_KIND) in _NAMING]
    if not based:
        return {}
    descent = Descent(known, root, remote=False)
    edges = {
        record.commit: descent.bases(record.commit) or _set(record.settings, root)
        for record in based
    }
    return {commit: bases for commit, bases in edges.items() if bases}


def _set(settings: Mapping[str, str], root: Path) -> tuple[str, ...]:
    """Return the commits that the settings name as bases; those that are no longer there not."""
    names = _NAME.findall(settings.get(_NAMING[settings[_KIND]], ""))
    # As the stage base reads it: a tag or a whole hash.
    found = (git.find(f"refs/tags/{name}", root) or git.find(name, root) for name in names)
    return tuple(dict.fromkeys(filter(None, found)))


def _starts_in(facts: Mapping[str, Any], files: Mapping[str, str]) -> tuple[_Start, ...]:
    """Return what a base.json says that was started from.

    Args:
        facts: its content.
        files: the MD5 of each file that stands beside it.
    """
    if "parents" not in facts:
        return (_Start(_commit(facts), frozenset(_weights_in(files))),)
    merged = [(one, True) for one in facts["parents"]]
    merged += [(facts["ancestor"], False)] if facts["ancestor"] else []
    return tuple(
        _Start(_commit(one), frozenset(one["weights"].values()), is_parent)
        for one, is_parent in merged
    )


def _commit(facts: Mapping[str, Any]) -> str:
    earlier = str(facts.get("origin", "")).startswith(_EARLIER)
    return facts["version"] if earlier else ""


def _weights_in(files: Mapping[str, str]) -> set[str]:
    return {md5 for file, md5 in files.items() if file.endswith(_WEIGHTS)}


def _of(record: Record, path: str) -> str:
    return f"{path} of {record.commit[:7]}"
