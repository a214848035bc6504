"""Mend the cache and a remote from each other."""

import dataclasses
from collections.abc import Sequence

from stemma.store.errors import DamagedError
from stemma.store.objects import ObjectStore
from stemma.versions.integrity.findings import ABSENT, REPAIRED, IntegrityReport, Problem


def mend(report: IntegrityReport, stores: Sequence[ObjectStore]) -> IntegrityReport:
    """Replace what is damaged or missing in one store by what the other has.

    Args:
        report: what was found.
        stores: the cache and a remote.

    Returns:
        The report, which says of each problem what became of it.
    """
    return dataclasses.replace(
        report, problems=tuple(_mended(problem, stores) for problem in report.problems)
    )


def _mended(problem: Problem, stores: Sequence[ObjectStore]) -> Problem:
    if problem.state == ABSENT:
        return problem
    (here,) = (store for store in stores if store.name == problem.store)
    (other,) = (store for store in stores if store.name != problem.store)
    return dataclasses.replace(problem, repair=_copy(problem.key, here, other))


def _copy(key: str, here: ObjectStore, other: ObjectStore) -> str:
    try:
        here.take(key, other)
    except (DamagedError, FileNotFoundError):
        return f"no sound copy in {other.name}"
    except OSError as error:
        return f"not repaired, {error.strerror or error}"
    return REPAIRED
