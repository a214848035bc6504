"""For the tests of `stemma watch`: records of requests that are alike, or drift."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
from recorded import FINISHED, bounds

from stemma.monitoring.feedback import Feedback
from stemma.monitoring.measured import WIDTH, Measured, Probe
from stemma.monitoring.records import Finished
from stemma.monitoring.reference import Reference, Row
from stemma.monitoring.store import FILE, Store

HOUR = 3_600.0
NOW = 1_800_000_000.0  # a full hour, and no grid point lies between it and the last of its requests
VERBS = ["gives", "takes", "sees", "hears", "knows", "fears", "loves", "keeps", "finds", "brings"]
NOUNS = ["king", "queen", "ghost", "prince", "sword", "crown", "letter", "night", "storm", "grave"]


def prompt(draws: np.random.Generator) -> str:
    """Return a prompt."""
    words = [
        f"the {draws.choice(NOUNS)} {draws.choice(VERBS)}" for _ in range(draws.integers(3, 9))
    ]
    return " and ".join(words)


def measured(draws: np.random.Generator, shift: float = 0.0) -> Measured:
    """Return what a model might say."""
    state = tuple(draws.normal(shift, 1, WIDTH).tolist())
    return Measured(
        float(draws.normal(3 + shift, 0.5)), int(draws.integers(10, 40)), 0.1, 0.0, state
    )


def reference(rows: int = 200, seed: int = 0) -> Reference:
    """Return what evaluation might have kept."""
    from stemma.corpus import features

    draws = np.random.default_rng(seed)
    told = [(text := prompt(draws), measured(draws), features.of([text])) for _ in range(rows)]
    return Reference(
        tuple(
            Row(text, one, of, 20, "stop", False, False, features.of(["A piece of him."]))
            for text, one, of in told
        ),
        np.ones(1, bool), WIDTH, 32,
    )  # fmt: skip


def fill(
    root: Path, requests: int, since: float, until: float, version: str = "alpha", seed: int = 1,
    shift: float = 0.0, change: Callable[[Finished, int], Finished] | None = None, thumbs: int = 0,
    down: float = 0.2, probes: float | None = None, askers: int = 40, commit: str | None = None,
    role: str = "current",
) -> None:  # fmt: skip
    """Record requests, spread evenly over a time; each is measured.

    Args:
        root: the project.
        requests: how many.
        since: seconds since 1970.
        until: seconds since 1970.
        version: that answers.
        seed: of texts, times and lengths.
        shift: of what the model says.
        change: makes another one of the request of each number.
        thumbs: each how many requests one is given; 0 for none.
        down: share of the thumbs that are.
        probes: nats by which the engine differs from the evaluation; None for no probes.
        askers: how many ask.
        commit: of the version.
        role: as what it runs.
    """
    draws = np.random.default_rng(seed)
    store = Store(root / FILE, bounds())
    with store.transaction():
        for number, time in enumerate(np.linspace(since, until, requests, endpoint=False)):
            tokens = int(draws.integers(5, 30))
            first = float(draws.gamma(4, 0.01))
            one = dataclasses.replace(
                FINISHED, id=f"{version}-{seed}-{number}", time=float(time), version=version,
                commit=commit, role=role, who=f"user {draws.integers(askers)}", first=first,
                seconds=first + tokens * float(draws.gamma(9, 0.002)), completion_tokens=tokens,
                prompts=[prompt(draws)],
            )  # fmt: skip
            one = change(one, number) if change else one
            store.add(one)
            store.measure(one.id, measured(draws, shift))
            if thumbs and number % thumbs == 0:
                thumb = "down" if draws.random() < down else "up"
                store.take(Feedback(one.id, float(time), thumb), None)
        if probes is not None:
            for place, row in enumerate(reference().rows[:60]):
                off = row.measured.nats + float(draws.normal(0, 1)) * probes
                store.probe(Probe(until - 1, version, "d" * 64, place, off))
    store.close()
