"""What decides: validation losses of two trials, limits, and once the gate on the test split."""

from collections.abc import Iterable
from pathlib import Path

from stemma.errors import SettingsError
from stemma.layout import TRAINED
from stemma.optimising.losses import Losses
from stemma.optimising.report import PairedTest
from stemma.optimising.space import Constraints
from stemma.registry import policy
from stemma.registry.case import Case, Outcome
from stemma.registry.criteria import footprint, not_worse
from stemma.registry.models import Model, model_of
from stemma.registry.policy import RegistrySettings
from stemma.statistics import FEWEST
from stemma.statistics.paired import compare
from stemma.statistics.significance import LEVEL, smallest_effect
from stemma.store.registry import Registry
from stemma.store.version import Commit
from stemma.versions.comparison.tested import ROUNDS

_SEED = 0


def test(committed: Losses, best: Losses, others: int) -> PairedTest | None:
    """Compare the best trial with the committed settings, paired by document.

    Args:
        committed: losses of trial 0 by document.
        best: those of the best trial.
        others: how many trials could have been the best.

    Returns:
        None if there are too few documents.
    """
    pairs = len(committed)
    if pairs < FEWEST or committed.shape != best.shape:
        return None
    found = compare(
        committed[None], best[None], lambda sums: {"loss": sums[0] / pairs}, ROUNDS, _SEED
    ).get("loss")
    if found is None:
        return None
    smallest = smallest_effect(found.error, pairs, LEVEL / max(1, others))
    corrected = min(1.0, found.p * max(1, others))
    return PairedTest(pairs, found.a, found.b, found.low, found.high, found.p, corrected, smallest)


def margins(root: Path) -> dict[str, float]:
    """Return by how much each metric may be worse: the strictest margin of all stages.

    Raises:
        SettingsError: no stage asks for the gate ``not_worse``.
    """
    found: dict[str, float] = {}
    for stage in policy.read(root).stages.values():
        asked = stage.gates.get(not_worse.NAME) or {}
        for name, margin in dict(asked.get("metrics") or {}).items():
            found[name] = min(margin, found.get(name, margin))
    if not found:
        raise SettingsError(
            f"no stage of conf/registry.yaml asks for {not_worse.NAME}, which a winner must pass",
            "add it in conf/gates/: docs/registry.md",
        )
    return found


def measured(
    asked: Constraints, experiment: str, commit: str, root: Path
) -> tuple[dict[str, float], str]:
    """Return what a server would feel of a trial, and which limits it is above.

    It is measured of the weights as training left them, on this machine: `footprint` says how.
    """
    case = _case(experiment, commit, None, root, Model("trained", TRAINED.as_posix()))
    told = footprint.judge(_footprint(asked), case)
    values = {name: told.facts[name] for name in asked.limits if told.facts.get(name) is not None}
    return values, "" if told.passed else told.evidence


def gates(
    asked: Constraints, experiment: str, commit: str, head: str, root: Path
) -> Iterable[Outcome]:
    """Yield what the gates say of a winner beside HEAD: not worse, and within the limits."""
    case = _case(experiment, commit, head, root)
    yield not_worse.judge(not_worse.Settings(metrics=margins(root)), case)
    if asked.limits:
        yield footprint.judge(_footprint(asked), case)


def _footprint(asked: Constraints) -> footprint.Settings:
    return footprint.Settings(**vars(asked))


def _case(
    experiment: str, commit: str, head: str | None, root: Path, model: Model | None = None
) -> Case:
    version = Commit(experiment, commit, root)
    settings: RegistrySettings = policy.read(root)
    incumbent = None if head is None else Commit("HEAD", head, root)
    return Case(
        version, model or model_of(version, None, root), None, "", incumbent, settings,
        Registry(root), root,
    )  # fmt: skip
