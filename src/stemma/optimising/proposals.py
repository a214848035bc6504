"""What to try next: Optuna's samplers, each trial's seeded by the study's seed and its number.

A sampler that lives as long as a process would go on elsewhere after a kill. A new one for each
trial makes a proposal a function of the seed, the trial's number and the results so far.
"""

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    import optuna

Sampler = Literal["tpe", "random"]
STARTUP = 6
"""Trials at random before TPE models what was found: of twenty a third, not Optuna's half."""
LIMITS = "excess"
"""The attribute of a trial that holds by how much it is above each limit."""


def propose(
    study: "optuna.Study",
    distributions: dict[str, Any],
    kind: Sampler,
    seed: int,
    given: dict[str, Any] | None = None,
) -> "optuna.Trial":
    """Ask for the next trial.

    Args:
        study: with the results so far.
        distributions: of each key.
        kind: ``tpe`` (Bergstra et al. 2011) or ``random``.
        seed: of the study.
        given: what is to be tried, instead of a proposal.
    """
    number = len(study.get_trials(deepcopy=False))
    study.sampler = sampler(kind, seed, number)
    if given is not None:
        study.enqueue_trial(given)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return study.ask(distributions)


def sampler(kind: Sampler, seed: int, number: int) -> "optuna.samplers.BaseSampler":
    """Return the sampler of one trial."""
    import optuna

    own = int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
    if kind == "random":
        return optuna.samplers.RandomSampler(seed=own)
    with warnings.catch_warnings():
        # Optuna calls these experimental.
        warnings.simplefilter("ignore")
        return optuna.samplers.TPESampler(
            seed=own,
            n_startup_trials=STARTUP,
            multivariate=True,
            # Of trials that run side by side none repeats the other.
            constant_liar=True,
            constraints_func=_excess,
        )


def _excess(trial: Any) -> Sequence[float]:
    # One that was ended early was not measured: it is worse anyhow.
    return trial.user_attrs.get(LIMITS) or (0.0,)
