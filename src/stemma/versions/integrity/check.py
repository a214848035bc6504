"""Hash every object that a version refers to, once in each store, and judge what is not sound."""

import dataclasses
from collections.abc import Iterator
from multiprocessing.pool import ThreadPool

from tqdm import tqdm

from stemma.hashes import DIR
from stemma.store.errors import DamagedError
from stemma.store.objects import ObjectStore
from stemma.store.outputs import Holders, Output, outputs

THREADS = 4  # hashlib lets go of the interpreter; more do not pay on one disk

# What an object can be in a store.
SOUND = "sound"
DAMAGED = "damaged"  # other bytes than its name says, or unreadable
MISSING = "missing"  # lost: a listing that is here names it, or it is nowhere
ABSENT = "absent"  # nothing says that it was ever here: not pulled, or not pushed


@dataclasses.dataclass(frozen=True)
class Use:
    """Where an unsound object belongs; ``file`` is its path within a folder, else empty."""

    output: str
    file: str
    versions: tuple[str, ...]


@dataclasses.dataclass
class Problem:
    """An object that is not as it should be.

    Attributes:
        store: ``cache`` or the remote's name.
        key: the object's name.
        state: damaged, missing or absent.
        reason: what is wrong, where the state does not say it.
        uses: the outputs and versions that need it.
        repair: ``repaired``, why not, or empty if that was not asked for.
    """

    store: str
    key: str
    state: str
    reason: str
    uses: list[Use] = dataclasses.field(default_factory=list)
    repair: str = ""


@dataclasses.dataclass
class Report:
    """What was found.

    Attributes:
        objects: how many objects versions refer to.
        checked: by store, how many were read and hashed.
        bytes: by store, how much was read.
        absent: objects that are not in the cache and need not be.
        unread: of them, those that `dvc push` sends and no store that was read has: nothing is
            known of them.
        problems: what is not as it should be, sorted by name.
    """

    objects: int
    checked: dict[str, int]
    bytes: dict[str, int]
    absent: int
    unread: int
    problems: list[Problem]

    @property
    def sound(self) -> bool | None:
        """Whether nothing is left to mend; None if it seems so and not every object was read."""
        if any(problem.repair != "repaired" for problem in self.problems):
            return False
        return True if any(self.checked.values()) and not self.unread else None


def examine(stores: list[ObjectStore], elsewhere: bool) -> Report:
    """Hash every object and say what is wrong, and what it belongs to.

    Args:
        stores: the cache; after it a remote, if one is to be checked.
        elsewhere: whether the project has a remote, checked or not.
    """
    versions = outputs()
    objects = _Objects(stores)
    for output, used_by in versions.items():
        objects.need(output.key, output, used_by)
    # Listings first: they say which other objects there should be.
    objects.check([key for key in objects.needs if key.endswith(DIR)])
    for output, used_by in versions.items():
        for key in objects.files(output).values():
            objects.need(key, output, used_by)
    objects.check([key for key in objects.needs if not key.endswith(DIR)])
    problems = list(objects.problems(elsewhere))
    _name(problems, versions, objects)
    needs = objects.needs.values()
    absent = sum(need.states["cache"][0] == ABSENT for need in needs)
    unread = sum(
        need.pushed and all(state == ABSENT for state, _ in need.states.values()) for need in needs
    )
    return Report(len(needs), objects.checked, objects.read, absent, unread, problems)


@dataclasses.dataclass(slots=True)
class _Need:
    """What is known of one object.

    Attributes:
        by_ref: a tag, a branch or an experiment needs it, not only their history.
        pushed: ``dvc push`` would send it.
        listed: the stores that have the listing of a folder with it.
        states: by store, what it is there, and the reason.
    """

    by_ref: bool = False
    pushed: bool = False
    listed: frozenset[str] = frozenset()
    states: dict[str, tuple[str, str]] = dataclasses.field(default_factory=dict)


class _Objects:
    """All objects that versions refer to; well below a kilobyte for each, whatever its size."""

    def __init__(self, stores: list[ObjectStore]) -> None:
        self.needs: dict[str, _Need] = {}
        self.checked = {store.name: 0 for store in stores}
        self.read = {store.name: 0 for store in stores}
        self._stores = stores

    def need(self, key: str, output: Output, used_by: Holders) -> None:
        """Note that an output needs an object: itself, or a file of its folder."""
        need = self.needs.setdefault(key, _Need())
        need.by_ref |= bool(used_by.refs)
        need.pushed |= output.pushed
        if key != output.key:
            states = self.needs[output.key].states
            need.listed |= {store for store, (state, _) in states.items() if state != ABSENT}

    def files(self, output: Output) -> dict[str, str]:
        """Return a folder's files by the first sound listing; {} for a file or if none is sound."""
        for store in self._stores if output.key.endswith(DIR) else ():
            if self.needs[output.key].states[store.name][0] == SOUND:
                return store.files(output.key)
        return {}

    def check(self, keys: list[str]) -> None:
        """Read and hash these objects in every store."""
        for store in self._stores:
            with ThreadPool(THREADS) as pool, _bar(store, keys) as bar:

                def look(
                    key: str, store: ObjectStore = store, bar: tqdm = bar
                ) -> tuple[str, tuple[str, str], int]:
                    state, size = _look(store, key, bar)
                    return key, state, size

                for key, state, size in pool.imap_unordered(look, keys):
                    self.needs[key].states[store.name] = state
                    self.checked[store.name] += state[0] != ABSENT
                    self.read[store.name] += size

    def problems(self, elsewhere: bool) -> Iterator[Problem]:
        """Yield what is wrong, sorted by object; turn what is lost from absent to missing."""
        # Only a remote that was looked into proves a loss, unless the project has none.
        known = len(self._stores) > 1 or not elsewhere
        for key, need in sorted(self.needs.items()):
            nowhere = known and all(state != SOUND for state, _ in need.states.values())
            for store, (state, reason) in need.states.items():
                wanted = need.by_ref and need.pushed and (store != "cache" or nowhere)
                if state == ABSENT and (store in need.listed or (store == "cache" and wanted)):
                    state = MISSING
                    need.states[store] = (state, reason)
                if state in (DAMAGED, MISSING) or (state == ABSENT and wanted):
                    yield Problem(store, key, state, reason)


def _look(store: ObjectStore, key: str, bar: tqdm) -> tuple[tuple[str, str], int]:
    size = 0

    def tell(read: int) -> None:
        nonlocal size
        size += read
        bar.update(read)

    try:
        return (SOUND if store.check(key, tell) else ABSENT, ""), size
    except DamagedError as error:
        return (DAMAGED, str(error)), size


def _bar(store: ObjectStore, keys: list[str]) -> tqdm:
    text = f"{store.name}: {len(keys)} objects"
    return tqdm(desc=text, unit="B", unit_scale=True, disable=None)


def _name(problems: list[Problem], versions: dict[Output, Holders], objects: _Objects) -> None:
    """Say of each problem which outputs, files and versions it belongs to."""
    by_key: dict[str, list[Problem]] = {}
    for problem in problems:
        by_key.setdefault(problem.key, []).append(problem)
    for output, used_by in versions.items() if problems else ():
        names = tuple(used_by.names)
        for file, key in [("", output.key), *objects.files(output).items()]:
            for problem in by_key.get(key, ()):
                problem.uses.append(Use(output.path, file, names))
