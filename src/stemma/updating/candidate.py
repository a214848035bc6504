"""Builds a candidate in a worktree of its own: its data, its settings, its stages, its commit.

Each step does nothing where it was done before, so that an update that was killed goes on where it
stopped: stages by DVC, training by its checkpoints.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from stemma.layout import PARAMS
from stemma.store import git
from stemma.store.errors import ProjectError
from stemma.store.objects import repository
from stemma.store.version import Commit, Tree, Version
from stemma.updating import batch, recipe
from stemma.updating.lessons import PREFERENCES
from stemma.updating.plan import Plan
from stemma.updating.settings import UpdateSettings
from stemma.versions.contents import manifest
from stemma.versions.contents.settings import read_settings
from stemma.versions.verification.rebuild import surroundings
from stemma.versions.verification.running import (
    Tell,
    fetch_raw,
    last_words,
    point_dvc_at,
    run_stages,
)
from stemma.versions.verification.worktree import Worktree, open_branch

_TRAILER = "Update"
_SHOWN = 3  # documents that a message names


@dataclasses.dataclass(frozen=True)
class Site:
    """Where a candidate is built.

    Attributes:
        work: the worktree.
        plan: what is built.
        rules: of the update.
        root: the project.
        tell: is told what is being done.
    """

    work: Worktree
    plan: Plan
    rules: UpdateSettings
    root: Path
    tell: Tell

    @property
    def incumbent(self) -> Commit:
        """The version in production."""
        return Commit(self.plan.incumbent, self.plan.base, self.root)

    def open(self) -> None:
        """Check the version in production out on the branch of the candidate, with its data."""
        mark = self.work.folder / f"opened-{self.plan.name}"
        if not mark.exists():
            open_branch(self.work, self.plan.branch, self.plan.base, self.root)
        point_dvc_at(self.work, *surroundings(self.root))
        if not mark.exists():
            fetch_raw(self.work)
            batch.write(self.plan.selection.lessons, self.plan.name, self.work.tree)
            # One that is killed leaves files that are neither here nor there: all of it is redone.
            self._run("dvc", "add", batch.FOLDER.as_posix())
            mark.touch()

    def measure(self) -> str:
        """Measure the version in production on the new test split.

        Returns:
            A commit that holds its measures; no branch has it.

        Raises:
            ProjectError: a stage stops, or a document that was held out is no more.
        """
        self.tell(f"measuring {self.plan.incumbent} on the test split of the new data")
        self._build(measured=True, target="evaluate")
        self._check_held_out()
        git.run(["add", "--all"], self.work.tree)
        tree = git.run(["write-tree"], self.work.tree).strip()
        git.run(["reset", "--quiet"], self.work.tree)
        words = ["commit-tree", tree, "-p", self.plan.base, "-m", f"{self.plan.incumbent} as it is"]
        return git.run(words, self.work.tree).strip()

    def build(self) -> str:
        """Train the candidate, and commit it on its branch; return the commit.

        Raises:
            ProjectError: a stage stops.
        """
        form = f"--format=%H %(trailers:key={_TRAILER},valueonly)"
        head = git.run(["log", "-1", form], self.work.tree)
        commit, _, told = head.strip().partition(" ")
        if told.strip() == self.plan.name:
            return commit
        self.tell(f"training the candidate {self.plan.branch}")
        self._build(measured=False)
        git.run(["add", "--all"], self.work.tree)
        words = ["commit", "--quiet", "--no-verify", "--message", self._message()]
        git.run(words, self.work.tree)
        return git.run(["rev-parse", "HEAD"], self.work.tree).strip()

    def push_data(self) -> bool:
        """Send the bytes to DVC's default remote; return whether there is one.

        Raises:
            ProjectError: it cannot be written.
        """
        with repository(self.root) as repo:
            if not repo.config["core"].get("remote"):
                return False
        self.tell("dvc push")
        self._run("dvc", "push", "--quiet")
        return True

    def _build(self, measured: bool, target: str | None = None) -> None:
        self._run("stemma", "compose", "--reset", *recipe.choices(self.rules, measured))
        further = recipe.overrides(
            _settings(Tree(self.work.tree)), _settings(self.incumbent), self.plan.base, self.rules,
            measured, any(one.file == PREFERENCES for one in self.plan.selection.lessons),
        )  # fmt: skip
        self._run("stemma", "compose", *further)
        command = ["dvc", "repro", *([target] if target else [])]
        failed, reason = run_stages(self.work, command, len(self.incumbent.stages()), self.tell)
        if failed:
            raise ProjectError(
                f"{failed} of {self.plan.branch} stopped: {reason}",
                "mend what it says and type `stemma update` again: it goes on from there; "
                "--abandon gives it up",
            )

    def _check_held_out(self) -> None:
        """Refuse data that take documents out of what the version in production is judged by."""
        if lost := sorted(_held_out(self.incumbent) - _held_out(Tree(self.work.tree))):
            raise ProjectError(
                f"{len(lost)} documents of its held-out splits are no longer held out, such as "
                f"{', '.join(lost[:_SHOWN])}",
                "a record repeats them: lower held_out in conf/update/, and --abandon this one",
            )

    def _message(self) -> str:
        plan, chosen = self.plan, self.plan.selection
        left = "".join(f"\n  {count} left out: {why}" for why, count in chosen.left_out.items())
        return (
            f"Update {plan.artifact}: {chosen.requests} requests of production\n\n"
            f"From {plan.incumbent}, by the rules of conf/update/{plan.rules}.yaml: "
            f"{len(chosen.lessons)} documents of {chosen.requests} of {chosen.asked} requests."
            f"{left}\n\n"
            f"{_TRAILER}: {plan.name}\n"
        )

    def _run(self, *words: str) -> None:
        code, said = self.work.run(words, lambda line: None)
        if code:
            raise ProjectError(f"`{' '.join(words[:2])}` failed: {last_words(said)}", "mend that")


def _settings(version: Version) -> dict[str, Any]:
    told = read_settings(version)
    if told is None:
        raise ProjectError(f"{version.name} has no {PARAMS}", "is it a foreign one?")
    return told[0]


def _held_out(version: Version) -> set[str]:
    rows = manifest.read(version, ["id"], [("split", "in", ["validation", "test"])])
    return set(rows["id"].to_pylist())
