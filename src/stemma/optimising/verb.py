"""Search for a better next version, on DVC's experiments."""

import hashlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stemma import composition, extras
from stemma.errors import SettingsError
from stemma.files import atomic_file, sha256_of
from stemma.optimising import judging, studies
from stemma.optimising import space as spaces
from stemma.optimising.experiments import Experiment
from stemma.optimising.losses import metric_named
from stemma.optimising.proposals import Sampler
from stemma.optimising.report import Report, TrialRow, Winner
from stemma.optimising.searching import Search
from stemma.registry.case import Outcome
from stemma.store import git
from stemma.store.errors import ProjectError

Tell = Callable[[TrialRow | Outcome | str], object]
"""Is told of each trial as it goes, of the winner's training, and of each gate."""

_NOTHING: dict[str, Any] = {"trials": (), "best": None, "test": None, "winner": None}


def optimise(
    metric: str = "loss", trials: int | None = None, space: str = "default", *, seed: int = 0,
    jobs: int = 1, sampler: Sampler = "tpe", name: str | None = None, dry_run: bool = False,
    tell: Tell = bool, root: Path = Path(),
) -> Report:  # fmt: skip
    """Search, train the best settings in full, and ask the gate; or go on with a study.

    Args:
        metric: of the validation split: ``loss`` or ``worst_loss``.
        trials: how many there are to be in all; None for what the space's budget says.
        space: a file of conf/search/, by name or path.
        seed: of the proposals.
        jobs: workers; more than one through DVC's queue.
        sampler: ``tpe`` or ``random``.
        name: of the study; None for one of the space and the commit.
        dry_run: check all of it, begin nothing.
        tell: is told how it goes.
        root: the project.

    Raises:
        SettingsError: the space, the metric, the name or conf/ is not what it should be.
        ProjectError: the working tree is dirty, an experiment fails, or another process searches.
    """
    need()
    metric_named(metric)
    found, where = spaces.read(space, root)
    head = _head(root)
    name = name or f"{Path(where).stem}-{head[:7]}"
    studies.check_name(name)
    base, values = spaces.committed(found, where, root)
    judging.margins(root)
    wanted = trials or found.budget.trials
    made_with: dict[str, Any] = {
        "commit": head, "seed": seed, "sampler": sampler, "metric": metric,
        "space": sha256_of(root / where),
    }  # fmt: skip
    told: dict[str, Any] = {
        "study": name, "space": where, "metric": metric, "sampler": sampler, "seed": seed,
        "commit": head, "asked": wanted,
    }  # fmt: skip
    if dry_run:
        return Report(**told, **_NOTHING)
    with studies.opened(name, made_with, found.keys.keys(), root) as study:
        folder = studies.folder_of(name, root)
        search = Search(
            study, found, values, base, metric, sampler, seed, jobs, head, folder, root, tell
        )
        return Report(**told, **_searched(search, wanted, tell))


def _searched(search: Search, wanted: int, tell: Tell) -> dict[str, Any]:
    """Run the trials, and return what the report says of them."""
    search.run(wanted)
    best, test, winner = search.best(), None, None
    if best is not None and best.number != 0:
        first, last = (search.losses_of(number) for number in (0, best.number))
        if first and last:
            test = judging.test(first[max(first)], last[max(last)], len(search.all()) - 1)
        winner = _winner(search, best.params, tell)
    return {
        "trials": tuple(map(search.row, search.all())), "test": test, "winner": winner,
        "best": None if best is None else best.number,
    }  # fmt: skip


def page(report: Report, file: Path, root: Path = Path()) -> None:
    """Write the picture of a study: one HTML file that needs no network.

    Raises:
        OSError: it cannot be written; what was there is as it was.
    """
    from stemma.optimising.picture import draw

    with atomic_file(file, "w") as handle:
        handle.write(draw(studies.load(report.study, root), report))


def need() -> None:
    """Hold the environment to what a search needs.

    Raises:
        ProjectError: a package of the extra ``search`` is missing.
    """
    try:
        import optuna  # noqa: F401
        import plotly  # noqa: F401
        import scipy  # noqa: F401
    except ImportError as error:
        raise ProjectError(
            f"{error.name} is not installed, which a search needs",
            f"type `{extras.install('search')}`",
        ) from error


def _head(root: Path) -> str:
    head = git.run(["rev-parse", "HEAD"], root).strip()
    if changed := git.changed(root):
        raise ProjectError(
            f"{changed[0]} is not as HEAD has it"
            + (f", nor {len(changed) - 1} more files" if len(changed) > 1 else ""),
            "a winner is compared with HEAD: `git commit` or `git stash` first",
        )
    drifted = composition.differences(root)
    if drifted:
        raise SettingsError(drifted[0], "type `dvc repro` and commit first")
    return head


def _winner(search: Search, settings: dict[str, Any], tell: Tell) -> Winner:
    """Train the best settings in full, once, and ask the gates."""
    kept = spaces.overrides_in_force(search.root)
    found = [spaces.override(key, value) for key, value in settings.items()]
    overrides = [*(one for one in kept if one.split("=")[0] not in settings), *found]
    name = f"best-{_digest(overrides)}"
    full = Experiment(name, overrides, search.folder, search.head, search.root, stages=())
    commit = full.commit
    if commit is None:
        tell(name)
        full.start()
        commit = _wait(full)
    gates = []
    for outcome in judging.gates(search.found.constraints, name, commit, search.head, search.root):
        tell(outcome)
        gates.append(outcome)
    return Winner(name, commit, overrides, tuple(gates))


def _digest(overrides: list[str]) -> str:
    # The same settings are measured once, in whichever study they win.
    return hashlib.sha256(" ".join(overrides).encode()).hexdigest()[:8]


def _wait(full: Experiment) -> str:
    try:
        while full.poll() == "running":
            time.sleep(0.5)
    except BaseException:
        full.end()
        raise
    commit = full.commit
    if commit is None:
        raise ProjectError(f"{full.name} failed: {full.why()}", f"see {full.log}")
    return commit
