"""The examples that two versions were measured on, paired."""

import dataclasses
import functools

import numpy as np
from numpy.typing import NDArray

from stemma.modeling.metrics.formulas import Examples
from stemma.store.errors import MissingError
from stemma.store.version import Version
from stemma.versions.contents.examples import read_examples
from stemma.versions.contents.manifest import has_manifest, read

# What an example is, whatever a model makes of it.
_GIVEN = ("bytes", "words", "label", "wanted", "entities")


@dataclasses.dataclass(frozen=True)
class Pairs:
    """Examples of two versions.

    Attributes:
        ids: of the examples that both have, and that are the same in both.
        a: columns of the first version, in the order of ``ids``.
        b: of the second.
        only_a: ids that the second version was not measured on.
        only_b: ids that the first was not measured on.
        changed: ids that stand for another text in each.
        hashed: whether texts were compared by hash; otherwise by what the examples tell of them.
    """

    ids: list[str]
    a: Examples
    b: Examples
    only_a: list[str]
    only_b: list[str]
    changed: list[str]
    hashed: bool

    def some(self, chosen: NDArray[np.bool_]) -> "Pairs":
        """Return some of the pairs, in their order; ``chosen`` is of shape (pairs,)."""
        return dataclasses.replace(
            self,
            ids=[one for one, wanted in zip(self.ids, chosen, strict=True) if wanted],
            a={name: column[chosen] for name, column in self.a.items()},
            b={name: column[chosen] for name, column in self.b.items()},
        )


@functools.lru_cache(maxsize=1)
def paired(a: Version, b: Version) -> Pairs | None:
    """Return the examples of two versions, paired once for all that compares these versions.

    The last result is kept, since several sections of a diff ask for it one after the other: a
    version must not change while it is compared.

    Raises:
        ProjectError: a file of a version is torn.
    """
    return pair(a, b)


def pair(a: Version, b: Version) -> Pairs | None:
    """Pair the examples of two versions by id; None if a version has none.

    Raises:
        ProjectError: a file of a version is torn.
    """
    left, right = read_examples(a), read_examples(b)
    if left is None or right is None:
        return None
    return match(left, right, _hashes(a, b))


def match(
    left: Examples, right: Examples, hashes: tuple[dict[str, str], dict[str, str]] | None
) -> Pairs:
    """Pair the rows of two tables by id.

    Args:
        left: of the first version.
        right: of the second.
        hashes: of the texts by id, in each; None if they are not known.
    """
    given = [column for column in _GIVEN if column in left and column in right]
    if hashes is None and all(np.array_equal(left[name], right[name]) for name in ("id", *given)):
        # From one version of a list to the next nearly always: a tenth of the time.
        return Pairs(left["id"].tolist(), left, right, [], [], [], False)
    rows_a, rows_b = (
        {name: row for row, name in enumerate(side["id"].tolist())} for side in (left, right)
    )
    both = [name for name in rows_a if name in rows_b]
    here, there = (np.array([rows[name] for name in both], int) for rows in (rows_a, rows_b))
    same = np.ones(len(both), bool)
    for column in given:
        same &= left[column][here] == right[column][there]
    if hashes is not None:
        same &= np.array([hashes[0].get(name) == hashes[1].get(name) for name in both], bool)
    return Pairs(
        [both[row] for row in np.flatnonzero(same)],
        {name: column[here[same]] for name, column in left.items()},
        {name: column[there[same]] for name, column in right.items()},
        [name for name in rows_a if name not in rows_b],
        [name for name in rows_b if name not in rows_a],
        [both[row] for row in np.flatnonzero(~same)],
        hashes is not None,
    )


def _hashes(a: Version, b: Version) -> tuple[dict[str, str], dict[str, str]] | None:
    """Return the hashes of the texts of both test splits by id; none if the splits are the same.

    Returns:
        None if they are at hand nowhere.

    Raises:
        ProjectError: a manifest is torn.
    """
    folders = [_key(version) for version in (a, b)]
    if folders[0] and folders[0] == folders[1]:
        return {}, {}
    try:
        if has_manifest(a) and has_manifest(b):
            return _read_hashes(a), _read_hashes(b)
    except MissingError:
        pass
    return None


def _key(version: Version) -> str:
    md5, _ = version.lock.outs.get(version.declared.prepared, ("", 0))
    return md5


def _read_hashes(version: Version) -> dict[str, str]:
    table = read(version, ["id", "sha256"], [("split", "=", "test")])
    return dict(zip(table["id"].to_pylist(), table["sha256"].to_pylist(), strict=True))
