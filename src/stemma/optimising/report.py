"""What a search found: plain data, which the terminal, JSON and the page show."""

import dataclasses
from typing import Any, Literal

from stemma.registry.case import Outcome

State = Literal["done", "ended early", "over a limit", "failed", "under way"]


@dataclasses.dataclass(frozen=True)
class TrialRow:
    """One trial.

    Attributes:
        number: from 0, which is what is committed.
        experiment: its name in DVC.
        state: what became of it.
        value: of the metric; None if it has none.
        step: after which it was measured last.
        settings: the value of each key.
        measured: what a server would feel, by name, where there is a limit.
        why: it failed, or is over a limit; else "".
    """

    number: int
    experiment: str
    state: State
    value: float | None
    step: int | None
    settings: dict[str, Any]
    measured: dict[str, float]
    why: str


@dataclasses.dataclass(frozen=True)
class PairedTest:
    """The best trial beside the committed settings, on the validation split.

    Attributes:
        documents: how many both were measured on.
        committed: the loss of trial 0, nats per token, mean over documents.
        best: that of the best trial.
        low: lower end of the interval of the difference.
        high: upper end of it.
        p: of the paired permutation test.
        corrected: the same, times how many trials could have been the best (Bonferroni).
        smallest: the smallest difference that the corrected test would have found with a
            probability of 0.8.
    """

    documents: int
    committed: float
    best: float
    low: float
    high: float
    p: float
    corrected: float
    smallest: float


@dataclasses.dataclass(frozen=True)
class Winner:
    """The best trial's settings, trained in full and measured once on the test split.

    Attributes:
        experiment: its name in DVC.
        commit: that DVC made of it.
        overrides: that give it.
        gates: what each gate said, beside HEAD.
    """

    experiment: str
    commit: str
    overrides: list[str]
    gates: tuple[Outcome, ...]

    @property
    def passed(self) -> bool:
        """Whether all gates let it pass."""
        return all(one.passed for one in self.gates)


@dataclasses.dataclass(frozen=True)
class Report:
    """What a search found.

    Attributes:
        study: its name.
        space: the file of what is searched.
        metric: what was searched for; lower is better.
        sampler: by which.
        seed: of the proposals.
        commit: on which every trial stands.
        asked: how many trials were asked for.
        trials: those that there are.
        best: number of the best one; None if none is done.
        test: of the best one against the committed settings; None if that is the best.
        winner: None if no trial is better than the committed settings, or none was run.
    """

    study: str
    space: str
    metric: str
    sampler: str
    seed: int
    commit: str
    asked: int
    trials: tuple[TrialRow, ...]
    best: int | None
    test: PairedTest | None
    winner: Winner | None

    @property
    def passed(self) -> bool:
        """Whether nothing refuses: a winner that a gate refuses is no next version."""
        return self.winner is None or self.winner.passed

    def as_dict(self) -> dict[str, Any]:
        """Return all of it, as ``--json`` prints it."""
        return dataclasses.asdict(self) | {"passed": self.passed}
