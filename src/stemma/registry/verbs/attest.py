"""States how a registered version was made, and what was decided about it."""

import dataclasses
from pathlib import Path
from typing import Any

from stemma.files import atomic_file
from stemma.registry import trust
from stemma.registry.models import find, model_of
from stemma.registry.provenance import building, judgements
from stemma.registry.provenance.statements import Statement, line_of
from stemma.registry.trust import RefusedError
from stemma.store.registry import Assignment, Registered, Registry
from stemma.store.version import Commit

_ENDING = ".intoto.jsonl"


@dataclasses.dataclass(frozen=True)
class Attestations:
    """Statements on a version.

    Attributes:
        name: of the version.
        statements: how it was made; how each version was that it started from; and of each decision
            to put it on a stage what the gates found, and the decision.
        missing: what could not be stated, and why: by the path of an input or output whose bytes
            are not to be had, the origin of a base, or the tag of a decision.
        file: where they were written; None if nowhere.
    """

    name: str
    statements: tuple[Statement, ...]
    missing: dict[str, str]
    file: str | None

    def as_dict(self) -> dict[str, Any]:
        """Return all of it, as ``--json`` prints it."""
        return dataclasses.asdict(self)

    @property
    def lines(self) -> str:
        """The statements as JSON Lines."""
        return "".join(f"{line_of(one)}\n" for one in self.statements)


def attest(version: str, into: str | None = None, *, root: Path = Path()) -> Attestations:
    """Return in-toto statements on a version: how it was made, and what was decided about it.

    Args:
        version: such as ``v1.2.0`` or ``lm@v1.2.0``.
        into: a folder in which to write them, as NAME.intoto.jsonl; None to write nothing.
        root: the project.

    Raises:
        MissingError: the bytes of the model are nowhere.
        ProjectError: there is no such version.
        StatementError: what it holds contradicts itself, or `in-toto-attestation` is not installed.
    """
    registry = Registry(root)
    found = find(registry, version)
    commit = Commit(found.name, found.commit, root)
    made = building.provenance_of(commit, model_of(commit, found.artifact, root), root)
    statements = [made.statement, *(one.statement for one in made.bases)]
    missing = dict(made.missing)
    for one in _assignments(registry, found):
        try:
            trust.check_assignment(one, registry)
        except RefusedError as error:
            missing[one.tag] = error.message
            continue
        results = judgements.results_of(one.evidence)
        inputs = [made.statement, *results]
        statements += [*results, judgements.summary_of(one.evidence, one.time, inputs)]
    told = Attestations(found.name, tuple(statements), missing, None)
    if into is None:
        return told
    file = Path(into) / f"{found.name.replace('/', '-').replace(':', '-')}{_ENDING}"
    with atomic_file(file, "w") as handle:
        handle.write(told.lines)
    return dataclasses.replace(told, file=str(file))


def _assignments(registry: Registry, found: Registered) -> list[Assignment]:
    history = [registry.history(found.artifact, one) for one in registry.stages(found.artifact)]
    every = [one for part in history for one in part]
    return [one for one in every if (one.commit, one.version) == (found.commit, found.version)]
