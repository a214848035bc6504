"""The verb: from what production taught to a candidate that the gates have judged."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stemma.corpus.revoked import read as read_revoked
from stemma.layout import REVOKED
from stemma.monitoring.store import FILE
from stemma.registry import promote, register
from stemma.registry.case import Outcome
from stemma.registry.decision import Decision, settings_at
from stemma.registry.decision import Tell as TellOutcome
from stemma.registry.models import artifact_of
from stemma.store.errors import ProjectError
from stemma.store.registry import Registered, Registry
from stemma.store.somebody import somebody
from stemma.store.version import Commit
from stemma.updating import ledger, plan, records, settings
from stemma.updating.candidate import Site
from stemma.updating.judging import Compared, compare, judge, stages_to
from stemma.updating.known import Known
from stemma.updating.lessons import answer_of
from stemma.updating.plan import Plan
from stemma.updating.selection import Selection, select
from stemma.updating.settings import UpdateSettings
from stemma.versions.contents.settings import read_settings
from stemma.versions.verification.running import Tell, untold
from stemma.versions.verification.worktree import Worktree, close, lasting

_DAY = 86_400.0
_NAME = "stemma update"
_FOLDER = "update"  # in .dvc/tmp: one update at a time


@dataclasses.dataclass(frozen=True)
class Update:
    """What came of an update.

    Attributes:
        incumbent: the version in production.
        stage: where it stands.
        selection: what was chosen to learn from.
        resumed: whether an update that was killed went on.
        name: of the update; None if there was too little to learn from.
        branch: of the candidate; None if there is none.
        commit: of the candidate; None if there is none.
        compared: both versions on the new test split.
        gates: what each gate says; none where there is no candidate.
        version: the name under which the candidate is registered; None if a gate refuses it.
        decisions: about the stages to which it was promoted.
    """

    incumbent: str
    stage: str
    selection: Selection
    resumed: bool = False
    name: str | None = None
    branch: str | None = None
    commit: str | None = None
    compared: tuple[Compared, ...] = ()
    gates: tuple[Outcome, ...] = ()
    version: str | None = None
    decisions: tuple[Decision, ...] = ()

    @property
    def refused(self) -> bool:
        """Whether a gate refuses the candidate."""
        return any(not one.passed for one in self.gates) or any(
            not one.allowed for one in self.decisions
        )

    def as_dict(self) -> dict[str, Any]:
        """Return all of it, as ``--json`` prints it: of lessons the ids and kinds, not the text."""
        found = dataclasses.asdict(dataclasses.replace(self, decisions=()))
        found["selection"]["lessons"] = [
            {"id": one.id, "kind": one.kind} for one in self.selection.lessons
        ]
        found["decisions"] = [one.as_dict() for one in self.decisions]
        return found | {"refused": self.refused}


def update(
    stage: str = "prod",
    *,
    rules: str = "default",
    artifact: str | None = None,
    promoted: bool = False,
    again: bool = False,
    dry_run: bool = False,
    tell: Tell = untold,
    tell_gate: TellOutcome = bool,
    root: Path = Path(),
) -> Update:
    """Make the next candidate of what the version on a stage was asked and told.

    Args:
        stage: whose version is to be bettered.
        rules: the name of a file in conf/update/.
        artifact: the model; None for the one handed on.
        promoted: whether a candidate that the gates let pass is put on the stages up to this one.
        again: whether what a refused candidate had learnt from may be learnt from again.
        dry_run: whether only to choose.
        tell: is told what is being done.
        tell_gate: is told what each gate says.
        root: the project.

    Raises:
        ProjectError: nothing stands on the stage, there are no records, or a stage stops.
        SettingsError: the rules are wrong.
    """
    registry, chosen = Registry(root), settings.read(rules, root)
    settings_at(root).stage(stage)
    incumbent = _incumbent(registry, artifact_of(registry, artifact), stage)
    if dry_run:
        return Update(incumbent.name, stage, _select(incumbent, chosen, again, tell, root))
    with lasting(_FOLDER, root) as work:
        begun = _begun(work, incumbent, stage, tell)
        resumed = begun is not None
        if begun is None:
            found = _select(incumbent, chosen, again, tell, root)
            if found.requests < chosen.fewest:
                return Update(incumbent.name, stage, found)
            begun = _planned(found, incumbent, stage, rules, root).write(work.folder)
        site = Site(work, begun, settings.read(begun.rules, root), root, tell)
        with somebody(_NAME, root):
            done = _propose(site, resumed, tell_gate)
        _write_down(done, site)
        close(work, root)
    return _promoted(done, done.version, tell_gate, root) if promoted and done.version else done


def abandon(root: Path = Path()) -> str | None:
    """Give up an update that did not come to its end; return its branch, None if there is none.

    Raises:
        ProjectError: it runs.
    """
    with lasting(_FOLDER, root) as work:
        begun = plan.read(work.folder)
        close(work, root)
    return begun.branch if begun else None


def _incumbent(registry: Registry, artifact: str, stage: str) -> Registered:
    current = registry.current(artifact, stage)
    found = registry.at(artifact, current.commit) if current else None
    if found is None:
        raise ProjectError(
            f"no version of {artifact} stands on {stage}, so there is none to better",
            f"`stemma promote VERSION {stage}`",
        )
    return found


def _select(
    incumbent: Registered, rules: UpdateSettings, again: bool, tell: Tell, root: Path
) -> Selection:
    tell("choosing what to learn from")
    version = Commit(incumbent.name, incumbent.commit, root)
    told = read_settings(version)
    task = told[0].get("task", {}).get("name") if told else None
    if task not in ("causal_lm", "chat"):
        raise ProjectError(
            f"{incumbent.name} has the task {task}, of whose requests nothing is recorded",
            "there is nothing to learn from; `stemma update` is for causal_lm and chat",
        )
    since = time.time() - rules.days * _DAY
    return select(
        records.kept(root / FILE, since), rules, Known(version), task == "chat",
        _barred(again, root),
    )  # fmt: skip


def _barred(again: bool, root: Path) -> Callable[[str], str | None]:
    before = ledger.read(root)
    revoked = {answer_of(one.id) for one in read_revoked(root / REVOKED)}

    def why(answer: str) -> str | None:
        if answer in revoked:
            return "it is revoked"
        became = before.get(answer, "")
        if became.startswith("refused") and again:
            return None
        return "an update has learnt from it before" if became else None

    return why


def _begun(work: Worktree, incumbent: Registered, stage: str, tell: Tell) -> Plan | None:
    """Return the plan of an update that did not come to its end, if it can go on."""
    found = plan.read(work.folder)
    # What was begun from another version would be compared with the wrong one.
    if found and (found.base, found.stage) != (incumbent.commit, stage):
        tell(f"{found.branch} was begun from {found.incumbent}, and is given up")
        return None
    return found


def _planned(found: Selection, incumbent: Registered, stage: str, rules: str, root: Path) -> Plan:
    return Plan(
        plan.new_name(root), incumbent.artifact, stage, incumbent.name, incumbent.commit, rules,
        found,
    )  # fmt: skip


def _propose(site: Site, resumed: bool, tell_gate: TellOutcome) -> Update:
    """Build, compare and judge a candidate, and register it if the gates let it pass."""
    begun, root = site.plan, site.root
    site.open()
    if begun.measured is None:
        begun = dataclasses.replace(begun, measured=site.measure()).write(site.work.folder)
    commit = site.build()
    has_remote = site.push_data()
    candidate = Commit(begun.branch, commit, root)
    assert begun.measured
    compared = compare(Commit(begun.incumbent, begun.measured, root), candidate)
    site.tell(f"asking the gates of {begun.stage}")
    registry = Registry(root)
    gates = judge(candidate, begun.artifact, begun.stage, registry, tell_gate, root)
    version = None
    if all(one.passed for one in gates):
        version = _registered(begun, commit, registry, local=not has_remote, root=root)
    return Update(
        begun.incumbent, begun.stage, begun.selection, resumed, begun.name, begun.branch, commit,
        compared, gates, version,
    )  # fmt: skip


def _registered(begun: Plan, commit: str, registry: Registry, local: bool, root: Path) -> str:
    """Give a candidate a name, if it was given none before the update was killed."""
    before = registry.at(begun.artifact, commit)
    if before:
        return before.name
    made = register(commit, artifact=begun.artifact.rpartition(":")[2], local=local, root=root)
    return f"{made.artifact}@{made.version}"


def _write_down(done: Update, site: Site) -> None:
    became = "refused" if done.refused else "learnt from"
    answers = (answer_of(one.id) for one in done.selection.lessons)
    ledger.write(answers, f"{became} as {done.branch}", site.root)


def _promoted(done: Update, version: str, tell_gate: TellOutcome, root: Path) -> Update:
    decisions: list[Decision] = []
    with somebody(_NAME, root):
        for stage in stages_to(done.stage, settings_at(root)):
            decisions.append(promote(version, stage, tell=tell_gate, root=root))
            if not decisions[-1].allowed:
                break
    return dataclasses.replace(done, decisions=tuple(decisions))
