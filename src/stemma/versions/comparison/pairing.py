"""The examples of two versions, paired once for all that compares these versions."""

import functools

from stemma.store.version import Version
from stemma.versions.contents.examples import Pairs, pair


@functools.lru_cache(maxsize=1)
def paired(a: Version, b: Version) -> Pairs | None:
    """Return the examples of two versions, paired by id; None if a version has none.

    The last result is kept, since several sections of a diff ask for it one after the other: a
    version must not change while it is compared.

    Raises:
        ProjectError: a file of a version is torn.
    """
    return pair(a, b)
