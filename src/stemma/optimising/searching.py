"""The search itself: ask, run, watch, tell; a half-run trial first."""

import dataclasses
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stemma.config import build
from stemma.errors import SettingsError
from stemma.optimising import judging, losses, pruning, space
from stemma.optimising.experiments import Experiment
from stemma.optimising.losses import METRICS, Losses
from stemma.optimising.proposals import LIMITS, Sampler, propose
from stemma.optimising.queued import Queued
from stemma.optimising.report import State, TrialRow
from stemma.optimising.space import Space
from stemma.schema import Project
from stemma.store.errors import ProjectError

if TYPE_CHECKING:
    import optuna

_POLL = 0.25  # seconds
_DIVERGED = "the training loss is"  # as `stemma.modeling.training.callbacks` says it
_MEASURED, _WHY, _STATE = "measured", "why", "state"

Tell = Callable[[TrialRow], object]


@dataclasses.dataclass
class Search:
    """A study that goes on.

    Attributes:
        study: Optuna's.
        found: what is searched.
        values: the committed settings under the budget.
        base: the overrides that give these.
        metric: a name of `METRICS`.
        sampler: by which trials are proposed.
        seed: of the proposals.
        jobs: workers; more than one through DVC's queue.
        head: the commit that every trial stands on.
        folder: of the study.
        root: the project.
        tell: is told of each trial as it goes.
    """

    study: "optuna.Study"
    found: Space
    values: dict[str, Any]
    base: list[str]
    metric: str
    sampler: Sampler
    seed: int
    jobs: int
    head: str
    folder: Path
    root: Path
    tell: Tell

    def run(self, trials: int) -> None:
        """Go on until there are so many trials.

        Raises:
            ProjectError: an experiment fails for a reason that would stop every other too.
        """
        active: dict[int, tuple[optuna.Trial, Experiment]] = {}
        try:
            self._go_on(active)
            while active or len(self.all()) < trials:
                while len(active) < self.jobs and len(self.all()) < trials:
                    # What is committed is known before anything is compared with it.
                    if len(self.all()) == 1 and active:
                        break
                    self._begin(self._next(), active)
                for number, (trial, experiment) in list(active.items()):
                    if self._watch(trial, experiment):
                        del active[number]
                time.sleep(_POLL if active else 0)
        finally:
            # Ctrl-C, or an error: nothing trains on that nobody waits for.
            for _, experiment in active.values():
                experiment.end()

    def all(self) -> list["optuna.trial.FrozenTrial"]:
        """Return all trials so far."""
        return self.study.get_trials(deepcopy=False)

    def best(self) -> "optuna.trial.FrozenTrial | None":
        """Return the trial with the best value within the limits; None if none is done."""
        from optuna.trial import TrialState

        # One that was ended early has a value too: its last one.
        done = [one for one in self.all() if one.state == TrialState.COMPLETE and is_within(one)]
        return min(done, key=lambda one: (one.value, one.number), default=None)

    def experiment_of(self, number: int) -> str:
        """Return the name of a trial in DVC."""
        return f"{self.study.study_name}-{number:04d}"

    def losses_of(self, number: int) -> dict[int, Losses]:
        """Return the losses of a trial by step; {} if they are not there."""
        table = losses.read(self.folder / f"{self.experiment_of(number)}.jsonl")
        return table.by_step if table else {}

    def row(self, trial: "optuna.trial.FrozenTrial") -> TrialRow:
        """Return what is told of a trial."""
        told = trial.user_attrs
        return TrialRow(
            trial.number, self.experiment_of(trial.number), told.get(_STATE, "under way"),
            trial.value, trial.last_step, dict(trial.params), told.get(_MEASURED, {}),
            told.get(_WHY, ""),
        )  # fmt: skip

    def _next(self) -> "optuna.Trial":
        given = None if self.all() else space.values_of(self.found, self.values)
        distributions = space.distributions(self.found)
        return propose(self.study, distributions, self.sampler, self.seed, given)

    def _go_on(self, active: dict[int, tuple["optuna.Trial", Experiment]]) -> None:
        import optuna

        for one in self.all():
            if not one.state.is_finished():
                self._begin(optuna.Trial(self.study, one._trial_id), active)

    def _begin(
        self, trial: "optuna.Trial", active: dict[int, tuple["optuna.Trial", Experiment]]
    ) -> None:
        try:
            build(Project, space.with_values(self.values, trial.params), "")
        except SettingsError as error:
            # Each value may be, but not beside the others.
            self._finish(trial, "failed", error.message.removeprefix(": "))
            return
        overrides = [*self.base, *(space.override(*one) for one in trial.params.items())]
        name = self.experiment_of(trial.number)
        given = (name, overrides, self.folder, self.head, self.root)
        queued = Queued(self.jobs, *given)
        queued.clear()  # what workers may have left, though there is one by now
        experiment = Experiment(*given) if self.jobs == 1 else queued
        active[trial.number] = trial, experiment
        self.tell(self.row(self.all()[trial.number]))
        experiment.start()

    def _watch(self, trial: "optuna.Trial", experiment: Experiment) -> bool:
        """Look at a trial; return whether it is over."""
        progress = experiment.poll()
        self._report(trial, experiment)
        table = experiment.table()
        if progress == "running":
            best = self.best()
            if table is None or best is None:
                return False
            every = int(self.values["train"]["evaluate_every"])
            by_step = self.losses_of(best.number)
            step = pruning.ends_at(self.found.pruning, table, by_step, every)
            if step is None:
                return False
            experiment.end()
            self._finish(trial, "ended early", "")
            return True
        if progress == "failed":
            why = experiment.why()
            if _DIVERGED not in why:
                raise ProjectError(f"{experiment.name} failed: {why}", f"see {experiment.log}")
            self._finish(trial, "failed", why)
            return True
        if table is None or table.last is None:
            raise ProjectError(
                f"{experiment.name} ended without its held-out losses",
                f"see {experiment.log}, and type the same again",
            )
        self._judge(trial, experiment, table.last)
        return True

    def _report(self, trial: "optuna.Trial", experiment: Experiment) -> None:
        table = experiment.table()
        known = self.all()[trial.number].intermediate_values
        for step, one in (table.by_step if table else {}).items():
            value = METRICS[self.metric](one)
            if step not in known and np.isfinite(value):
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    trial.report(value, step)
                self.tell(self.row(self.all()[trial.number]))

    def _judge(self, trial: "optuna.Trial", experiment: Experiment, last: Losses) -> None:
        value = METRICS[self.metric](last)
        if not np.isfinite(value):
            self._finish(trial, "failed", "its validation loss is no finite number")
            return
        state: State = "done"
        why = ""
        limits = self.found.constraints.limits
        if limits:
            commit = experiment.commit
            assert commit
            measured, why = judging.measured(
                self.found.constraints, experiment.name, commit, self.root
            )
            trial.set_user_attr(_MEASURED, measured)
            trial.set_user_attr(LIMITS, [measured[name] / limits[name] - 1 for name in measured])
            state = "over a limit" if why else "done"
        self._finish(trial, state, why, value)

    def _finish(
        self, trial: "optuna.Trial", state: State, why: str, value: float | None = None
    ) -> None:
        from optuna.trial import TrialState

        trial.set_user_attr(_STATE, state)
        trial.set_user_attr(_WHY, why)
        # To the sampler a trial that failed is a bad one, not one that never was.
        ended = TrialState.COMPLETE if value is not None else TrialState.PRUNED
        self.study.tell(trial, value, state=ended)
        self.tell(self.row(self.all()[trial.number]))


def is_within(trial: "optuna.trial.FrozenTrial") -> bool:
    """Say whether a trial is within all limits."""
    return all(one <= 0 for one in trial.user_attrs.get(LIMITS, ()))
