"""For the tests of updates: a tiny project in production, and people who have taught it."""

import dataclasses
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from project import Project
from recorded import FINISHED, bounds

from stemma.monitoring.feedback import Feedback
from stemma.monitoring.store import FILE, Store

GATES = {
    "require": "evidence",
    "keys": [],
    "stages": {
        "staging": {"promotes_from": None, "approvals": 0, "gates": {"safe_files": {"also": []}}},
        "prod": {
            "promotes_from": "staging",
            "approvals": 0,
            "gates": {"limits": {"metrics": {"bits_per_byte": {"max": 7.0}}}},
        },
    },
}
RULES = {
    "days": 30, "fewest": 5, "most": 200, "most_per_user": 50, "held_out": 0.1, "times": 2,
    "take": {"corrections": True, "prompts": True, "liked": False, "preferences": False},
    "train": "full",
    "overrides": ["train.steps=8", "train.batch_size=4", "train.micro_batch_size=2",
                  "train.log_every=2", "train.evaluate_every=4", "train.checkpoint_every=4",
                  "train.learning_rate=0.001"],
}  # fmt: skip


def in_production(project: Project, **rules: Any) -> Project:
    """Put the version of a tiny project on prod, with gates and rules that suit it."""
    (project.path / "conf/registry.yaml").write_text(yaml.safe_dump(GATES))
    (project.path / "conf/update/default.yaml").write_text(yaml.safe_dump({**RULES, **rules}))
    project.run("stemma compose")
    project.run("dvc repro")
    project.commit("Into production")
    project.run("stemma register --local")
    project.run("stemma promote v1.0.0 staging")
    project.run("stemma promote v1.0.0 prod")
    return project


def manual(count: int, words: int = 30) -> list[tuple[str, str]]:
    """Return passages of Python's reference manual: the beginning, and how each goes on."""
    from pydoc_data.topics import topics

    found = []
    for _, text in sorted(topics.items()):
        told = re.findall(r"\S+\s*", re.sub(r" {2,}", " ", text))
        for place in range(0, len(told) - words, words):
            middle = place + words // 3
            found.append(("".join(told[place:middle]), "".join(told[middle : place + words])))
    # From all over it, so that no two are of one page.
    step = len(found) // count
    return found[::step][:count]


def taught(
    root: Path, prompts: Sequence[Any], corrections: Sequence[str | None] = (), first: int = 0,
    **changed: Any,
) -> list[str]:  # fmt: skip
    """Record requests, as a server does; return the ids of the answers.

    Args:
        root: the project.
        prompts: one of each request.
        corrections: of each answer, as far as there are any.
        first: the number of the first.
        changed: what else is so of all of them.
    """
    store, names, now = Store(root / FILE, bounds(keep_text=True)), [], time.time() - 3600
    with store.transaction():
        for number, prompt in enumerate(prompts, first):
            told = {"consent": True, "who": f"person {number % 7}"} | changed
            one = dataclasses.replace(
                FINISHED, id=f"cmpl-{number}", time=now + number, prompts=[prompt],
                texts=("and so it goes on",), **told,
            )  # fmt: skip
            store.add(one)
            names.append(one.id)
            place = number - first
            if place < len(corrections) and corrections[place]:
                said = Feedback(one.id, now + number, "down", correction=corrections[place])
                store.take(said, None)
    store.close()
    return names
