"""Which versions are fine-tunes of which."""

import functools
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from stemma.errors import ModelError
from stemma.store import git
from stemma.store.cache import Cache
from stemma.store.errors import MissingError
from stemma.store.lock import LOCK
from stemma.versions.history.records import Record

_WEIGHTS = ".safetensors"
# As modeling/bases/converting.py has it, which takes 0.1 s to import.
_RECORD = "base.json"
_KIND, _PATH = "model.base.kind", "model.base.path"
_EARLIER = "stemma://"


class Descent:
    """From which earlier versions each version of a history was fine-tuned.

    A version descends from another if its base.json names that one (``stemma://``), or if its base
    has a file of weights that the other made, byte for byte, however it was brought here.

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
        self.unknown: dict[str, str] = {}

    def base(self, commit: str) -> str:
        """Return the commit whose weights a version started from; empty if there is none known.

        That is the commit that base.json names, or else the oldest that made the same weights.
        """
        if named := self._named(self._records[commit]):
            return named
        made = [one for one in self._records if one in self._parents[commit]]
        return made[-1] if made else ""

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
        makers = self._makers(records)
        named = {record.commit: self._named(record) for record in records}
        keys = _keys({commit for commit in named.values() if commit}, self._root)
        by_key: dict[str, list[str]] = {}
        for record in records:
            by_key.setdefault(record.key, []).append(record.commit)
        found: dict[str, set[str]] = {}
        for record in records:
            parents = set(by_key.get(keys.get(named[record.commit], ""), ()))
            for weights in self._weights(record, record.declared.base):
                parents |= makers.get(weights, set())
            found[record.commit] = parents - {record.commit}
        return found

    def _makers(self, records: Iterable[Record]) -> Mapping[str, set[str]]:
        """Return the versions that made a file of weights, not took it over, by the file's MD5."""
        makers: dict[str, set[str]] = {}
        for record in records:
            made = self._weights(record, record.declared.trained)
            made |= self._weights(record, record.declared.exported)
            for weights in made - self._weights(record, record.declared.base):
                makers.setdefault(weights, set()).add(record.commit)
        return makers

    def _weights(self, record: Record, output: str) -> set[str]:
        files = self._files(record, output)
        return {md5 for file, md5 in files.items() if file.endswith(_WEIGHTS)}

    def _named(self, record: Record) -> str:
        """Return the commit that base.json names; empty if there is none."""
        key = self._files(record, record.declared.base).get(_RECORD)
        if key is None:
            return ""
        said = _of(record, f"{record.declared.base}/{_RECORD}")
        try:
            facts = json.loads(self._cache.path(key, said).read_bytes())
            earlier = str(facts.get("origin", "")).startswith(_EARLIER)
            return facts["version"] if earlier else ""
        except MissingError as error:
            self.unknown[record.commit] = str(error)
            return ""
        except (ValueError, LookupError, AttributeError) as error:
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


def bases(asked: Sequence[Record], known: Sequence[Record], root: Path) -> dict[str, str]:
    """Return the commit that each fine-tune started from, by the commit of the fine-tune.

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
    based = [record for record in asked if record.settings.get(_KIND) == "path"]
    if not based:
        return {}
    descent = Descent(known, root, remote=False)
    edges = {
        record.commit: descent.base(record.commit) or _set(record.settings.get(_PATH, ""), root)
        for record in based
    }
    return {commit: base for commit, base in edges.items() if base}


def _set(path: str, root: Path) -> str:
    """Return the commit that the setting ``model.base.path`` names; empty if there is none."""
    if not path.startswith(_EARLIER):
        return ""
    name = path.removeprefix(_EARLIER)
    # As the stage base reads it: a tag or a whole hash.
    return git.find(f"refs/tags/{name}", root) or git.find(name, root) or ""


def _of(record: Record, path: str) -> str:
    return f"{path} of {record.commit[:7]}"


def _keys(commits: set[str], root: Path) -> dict[str, str]:
    """Return Git's hash of the dvc.lock of each commit."""
    ordered = sorted(commits)
    asked = "".join(f"{commit}:./{LOCK}\n" for commit in ordered)
    told = git.run(["cat-file", "--batch-check=%(objectname)"], root, asked).splitlines()
    return dict(zip(ordered, told, strict=True))
