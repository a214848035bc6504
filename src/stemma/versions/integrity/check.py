"""Hash every object that a version refers to, once in each store, and judge what is not sound."""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from multiprocessing.pool import ThreadPool
from pathlib import Path

from stemma.hashes import DIR
from stemma.store.errors import DamagedError
from stemma.store.objects import ObjectStore
from stemma.store.outputs import Holders, Output, outputs
from stemma.versions.integrity.findings import (
    ABSENT,
    DAMAGED,
    MISSING,
    SOUND,
    IntegrityReport,
    NeededAs,
    Problem,
)

THREADS = 4  # hashlib lets go of the interpreter; more do not pay on one disk
Watch = Callable[[str], AbstractContextManager[Callable[[int], object]]]
"""Is told what is read next, and gives what is told of each chunk's bytes, by several threads."""


@contextlib.contextmanager
def unwatched(what: str) -> Iterator[Callable[[int], object]]:
    """Show nobody how much has been read."""
    yield int


def examine(
    stores: Sequence[ObjectStore],
    unasked: Sequence[str],
    watch: Watch = unwatched,
    root: Path = Path(),
) -> IntegrityReport:
    """Hash every object and say what is wrong, and what it belongs to.

    Args:
        stores: the cache; after it a remote, if one is to be checked.
        unasked: the remotes of the project that are not among ``stores``.
        watch: shows how much has been read.
        root: the top of the Git repository.

    Raises:
        ProjectError: a dvc.lock, dvc.yaml or ``*.dvc`` that Git holds cannot be read, or a remote
            does not answer.
    """
    versions = outputs(root)
    objects = _Objects(stores, watch)
    for output, used_by in versions.items():
        objects.need(output.key, output, used_by)
    # Listings first: they say which other objects there should be.
    listings = [key for key in objects.needs if key.endswith(DIR)]
    objects.check(listings)
    for output, used_by in versions.items():
        for key in objects.files(output).values():
            objects.need(key, output, used_by)
    objects.check([key for key in objects.needs if not key.endswith(DIR)])
    problems = tuple(objects.problems(everywhere=not unasked))
    needs = objects.needs.values()
    return IntegrityReport(
        len(needs),
        objects.checked,
        objects.read,
        absent=sum(need.states["cache"][0] == ABSENT for need in needs),
        unread=sum(need.declared and need.is_nowhere for need in needs),
        problems=_named(problems, versions, objects),
        undeclared=sum(need.is_nowhere and not need.declared for need in needs),
        unlisted=sum(not objects.is_listed(key) for key in listings),
        unasked=tuple(unasked),
    )


@dataclasses.dataclass(slots=True)
class _Need:
    """What is known of one object.

    Attributes:
        by_ref: a tag, a branch or an experiment needs it, not only their history.
        pushed: ``dvc push`` would send it.
        declared: dvc.yaml has a stage that makes it, so that DVC has kept it.
        listed: the stores that have the listing of a folder with it.
        states: by store, what it is there, and the reason.
    """

    by_ref: bool = False
    pushed: bool = False
    declared: bool = False
    listed: frozenset[str] = frozenset()
    states: dict[str, tuple[str, str]] = dataclasses.field(default_factory=dict)

    @property
    def is_nowhere(self) -> bool:
        """Whether no store that was looked at has it, and nothing says that one should."""
        return all(state == ABSENT for state, _ in self.states.values())


class _Objects:
    """All objects that versions refer to; well below a kilobyte for each, whatever its size."""

    def __init__(self, stores: Sequence[ObjectStore], watch: Watch) -> None:
        self.needs: dict[str, _Need] = {}
        self.checked = {store.name: 0 for store in stores}
        self.read = {store.name: 0 for store in stores}
        self._stores, self._watch = stores, watch

    def need(self, key: str, output: Output, used_by: Holders) -> None:
        """Note that an output needs an object: itself, or a file of its folder."""
        need = self.needs.setdefault(key, _Need())
        need.by_ref |= bool(used_by.refs)
        need.pushed |= output.pushed
        need.declared |= output.declared
        if key != output.key:
            states = self.needs[output.key].states
            need.listed |= {store for store, (state, _) in states.items() if state != ABSENT}

    def is_listed(self, key: str) -> bool:
        """Say whether a store has a sound listing of this name, or none may ever have had one."""
        need = self.needs[key]
        may_be_none = need.is_nowhere and not need.declared
        return may_be_none or any(state == SOUND for state, _ in need.states.values())

    def files(self, output: Output) -> dict[str, str]:
        """Return a folder's files by the first sound listing; {} for a file or if none is sound."""
        for store in self._stores if output.key.endswith(DIR) else ():
            if self.needs[output.key].states[store.name][0] == SOUND:
                return store.files(output.key)
        return {}

    def check(self, keys: list[str]) -> None:
        """Read and hash these objects in every store."""
        for store in self._stores:
            what = f"{store.name}: {len(keys)} objects"
            with ThreadPool(THREADS) as pool, self._watch(what) as told:

                def look(
                    key: str, store: ObjectStore = store, told: Callable[[int], object] = told
                ) -> tuple[str, tuple[str, str], int]:
                    state, size = _look(store, key, told)
                    return key, state, size

                for key, state, size in pool.imap_unordered(look, keys):
                    self.needs[key].states[store.name] = state
                    self.checked[store.name] += state[0] != ABSENT
                    self.read[store.name] += size

    def problems(self, everywhere: bool) -> Iterator[Problem]:
        """Yield what is wrong, sorted by object; turn what is lost from absent to missing.

        Args:
            everywhere: whether all remotes of the project were looked at: only that proves a loss.
        """
        for key, need in sorted(self.needs.items()):
            nowhere = everywhere and all(state != SOUND for state, _ in need.states.values())
            for store, (state, reason) in need.states.items():
                wanted = need.by_ref and need.pushed and (store != "cache" or nowhere)
                if state == ABSENT and (store in need.listed or (store == "cache" and wanted)):
                    state = MISSING
                    need.states[store] = (state, reason)
                if state in (DAMAGED, MISSING) or (state == ABSENT and wanted):
                    yield Problem(store, key, state, reason)


def _look(
    store: ObjectStore, key: str, told: Callable[[int], object]
) -> tuple[tuple[str, str], int]:
    size = 0

    def tell(read: int) -> None:
        nonlocal size
        size += read
        told(read)

    try:
        return (SOUND if store.check(key, tell) else ABSENT, ""), size
    except DamagedError as error:
        return (DAMAGED, str(error)), size


def _named(
    problems: Sequence[Problem], versions: Mapping[Output, Holders], objects: _Objects
) -> tuple[Problem, ...]:
    """Return the problems with the outputs, files and versions that each belongs to."""
    uses: dict[str, list[NeededAs]] = {problem.key: [] for problem in problems}
    for output, used_by in versions.items() if problems else ():
        names = tuple(used_by.names)
        for file, key in [("", output.key), *objects.files(output).items()]:
            if key in uses:
                uses[key].append(NeededAs(output.path, file, names))
    return tuple(dataclasses.replace(one, uses=tuple(uses[one.key])) for one in problems)
