"""Whether a trial is worse than the best one, while it trains: Optuna's WilcoxonPruner.

The pruner's steps are instances of a problem: here, documents of the validation split. A training
has such a table at each step that it measures, and losses fall as training goes; so the pruner is
asked of one table at a time, that of the trial beside that of the best trial *after as many steps*.
What it then says is about documents alone: whether two curves would have crossed later it cannot
know, and so no trial ends before a share of its steps.
"""

import warnings
from collections.abc import Mapping

import numpy as np

from stemma.optimising.losses import Losses, Table
from stemma.optimising.space import Pruning
from stemma.statistics import FEWEST


def looks(asked: Pruning, steps: int, every: int) -> list[int]:
    """Return the steps of a trial after which it may be ended.

    Args:
        asked: the share of the steps before which it may not.
        steps: that it trains.
        every: steps between two measurements.
    """
    return [step for step in range(every, steps, every) if step >= asked.share * steps]


def is_worse(asked: Pruning, now: Losses, best: Losses, count: int) -> bool:
    """Say whether a trial is to end.

    Args:
        asked: the level of all looks together (Bonferroni).
        now: losses of the trial by document.
        best: those of the best trial, after as many steps.
        count: how many looks there are.
    """
    if asked.level is None or len(now) < FEWEST or now.shape != best.shape:
        return False
    import optuna
    from optuna.trial import TrialState, create_trial

    with warnings.catch_warnings():
        # Optuna calls the pruner experimental, and tells of losses that are no numbers.
        warnings.simplefilter("ignore")
        view = optuna.create_study()
        view.add_trial(create_trial(value=_mean(best), intermediate_values=_by_document(best)))
        trial = create_trial(state=TrialState.RUNNING, intermediate_values=_by_document(now))
        pruner = optuna.pruners.WilcoxonPruner(
            p_threshold=asked.level / count, n_startup_steps=FEWEST
        )
        return pruner.prune(view, trial)


def ends_at(asked: Pruning, table: Table, best: Mapping[int, Losses], every: int) -> int | None:
    """Return the first step after which a trial is worse than the best one; None for none so far.

    Args:
        asked: when trials end.
        table: what the trial has measured.
        best: what the best one had, by step.
        every: steps between two measurements.
    """
    at = looks(asked, table.steps, every)
    for step in at:
        measured = step in table.by_step and step in best
        if measured and is_worse(asked, table.by_step[step], best[step], len(at)):
            return step
    return None


def _mean(losses: Losses) -> float:
    return float(np.mean(losses))


def _by_document(losses: Losses) -> dict[int, float]:
    return dict(enumerate(losses.tolist()))
