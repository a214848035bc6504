"""What a registry holds: the versions of its models, what stands on each stage, and since when."""

import dataclasses
import functools
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stemma.store import events, git
from stemma.store.errors import ProjectError
from stemma.store.events import Event


@dataclasses.dataclass(frozen=True)
class Registered:
    """A version that has a name.

    Attributes:
        artifact: the model's name.
        version: such as ``v1.2.0``.
        commit: the hash of its commit.
        time: when it was registered, in seconds since 1970.
        by: who registered it.
        evidence: what the tag tells, such as the ``digest`` of its files; {} if GTO wrote it.
    """

    artifact: str
    version: str
    commit: str
    time: int
    by: str
    evidence: dict[str, Any]

    @property
    def name(self) -> str:
        """Its name with that of its model."""
        return f"{self.artifact}@{self.version}"


@dataclasses.dataclass(frozen=True)
class Assignment:
    """A version that was put on a stage.

    Attributes:
        artifact: the model's name.
        stage: such as ``prod``.
        version: the version registered at its commit; None if there is none.
        commit: the hash of the commit.
        counter: of the tag.
        time: seconds since 1970.
        by: who put it there.
        evidence: the decision; {} if the tag is not of Stemma.
        tag: the name of the tag.
    """

    artifact: str
    stage: str
    version: str | None
    commit: str
    counter: int
    time: int
    by: str
    evidence: dict[str, Any]
    tag: str


class Registry:
    """The tags of a repository, read once.

    Args:
        root: the project.
    """

    def __init__(self, root: Path = Path()) -> None:
        self.root = root
        self.events: list[Event] = events.read(root)
        self._versions: dict[str, list[Registered]] = {}

    def versions(self, artifact: str) -> list[Registered]:
        """Return the versions of a model, the greatest last."""
        # Asked for once for each assignment.
        if artifact not in self._versions:
            found = [
                Registered(
                    one.artifact, one.version, one.tag.commit, one.tag.time, one.tag.by,
                    one.evidence,
                )
                for one in self._of(artifact, "register")
                if one.version
            ]  # fmt: skip
            self._versions[artifact] = sorted(found, key=lambda one: order(one.version))
        return self._versions[artifact]

    @functools.cached_property
    def artifacts(self) -> list[str]:
        """The names of the models that have a version or stand on a stage."""
        return sorted({one.artifact for one in self.events if one.kind in ("register", "assign")})

    def at(self, artifact: str, commit: str) -> Registered | None:
        """Return the greatest version of a model that is registered at a commit."""
        found = [one for one in self.versions(artifact) if one.commit == commit]
        return found[-1] if found else None

    def stages(self, artifact: str) -> list[str]:
        """Return the stages on which something was ever put, in the order of the first time."""
        return list(dict.fromkeys(one.stage for one in self._of(artifact, "assign") if one.stage))

    def history(self, artifact: str, stage: str) -> list[Assignment]:
        """Return what was put on a stage, the newest last."""
        return [self._assignment(one) for one in self._of(artifact, "assign") if one.stage == stage]

    def current(self, artifact: str, stage: str) -> Assignment | None:
        """Return what was put on a stage last; None if nothing was."""
        history = self.history(artifact, stage)
        return history[-1] if history else None

    def standing(self) -> dict[str, list[str]]:
        """Return what stands where: by commit the stages, with the model's name if there are more.

        Of a stage of which it cannot be told, whatever was put there last.
        """
        found: dict[str, list[str]] = {}
        for artifact in self.artifacts:
            for stage in self.stages(artifact):
                now = self.current(artifact, stage)
                assert now
                name = f"{artifact}#{stage}" if len(self.artifacts) > 1 else f"#{stage}"
                found.setdefault(now.commit, []).append(name)
        return found

    def recall(self, artifact: str, version: str) -> Event | None:
        """Return the recall of a version; None if it is not recalled."""
        return next((one for one in self._of(artifact, "recall") if one.version == version), None)

    def why_recalled(self, artifact: str, version: str) -> str | None:
        """Return why a version was recalled; None if it was not."""
        found = self.recall(artifact, version)
        return None if found is None else str(found.evidence.get("why", "no reason is given"))

    def approvals(self, artifact: str, version: str, stage: str) -> list[Event]:
        """Return the approvals of a version for a stage."""
        return [
            one
            for one in self._of(artifact, "approval")
            if (one.version, one.stage) == (version, stage)
        ]

    def signatures(self, artifact: str, version: str) -> list[Event]:
        """Return the signatures of a version."""
        return [one for one in self._of(artifact, "signature") if one.version == version]

    def trials(self, artifact: str, version: str) -> list[Event]:
        """Return what servers found of a version, oldest first."""
        return [one for one in self._of(artifact, "trial") if one.version == version]

    def next_time(self, artifact: str) -> int:
        """Return now, or a second after the model's last tag, whichever is later.

        GTO and DVC order tags by their second; a clock may have been set back.
        """
        return max(int(time.time()), 1 + max((o.tag.time for o in self._of(artifact)), default=0))

    def next_counter(self, artifact: str) -> int:
        """Return the number of the next assignment: GTO counts those to all stages together."""
        return 1 + max((one.counter for one in self._of(artifact)), default=0)

    def contradictions(self, artifact: str, stage: str) -> list[str]:
        """Return why it cannot be told what stands on a stage; [] if it can.

        Whatever else writes such tags may take one back, which GTO and DVC read differently, or
        write two in one second, of which they take the one with the smaller number.
        """
        return list(self._contradictions(artifact, stage))

    def _contradictions(self, artifact: str, stage: str) -> Iterator[str]:
        last = self.current(artifact, stage)
        if last is None:
            return
        for one in self._of(artifact):
            newer = one.tag.time >= last.time or one.counter > last.counter
            if one.kind == "unassign" and one.stage == stage and newer:
                yield f"{one.tag.name} takes back what {last.tag} says"
            if one.kind == "deregister" and one.version == last.version:
                yield f"{one.tag.name} takes back the version that {last.tag} names"
            if one.kind == "deprecate":
                yield f"{one.tag.name} takes back the whole model"
        for one in self.history(artifact, stage)[:-1]:
            if one.time == last.time:
                yield f"{one.tag} and {last.tag} are of the same second"
            elif one.counter > last.counter:
                yield f"{one.tag} is older than {last.tag}, though its number is greater"
        if last.version is None:
            yield f"{last.tag} names a commit that is no registered version"

    def _of(self, artifact: str, kind: str = "") -> list[Event]:
        return [one for one in self.events if one.artifact == artifact and kind in ("", one.kind)]

    def _assignment(self, one: Event) -> Assignment:
        assert one.stage
        registered = self.at(one.artifact, one.tag.commit)
        return Assignment(
            one.artifact, one.stage, registered.version if registered else None, one.tag.commit,
            one.counter, one.tag.time, one.tag.by, one.evidence, one.tag.name,
        )  # fmt: skip


def order(version: str) -> Any:
    """Return what versions are sorted by, as Semantic Versioning 2.0 orders them."""
    from gto.versions import SemVer

    return SemVer.parse(version)


def user(root: Path = Path()) -> str:
    """Return the name of the user, as Git writes it into tags.

    Raises:
        ProjectError: Git does not know it.
    """
    try:
        return git.run(["var", "GIT_COMMITTER_IDENT"], root).partition(" <")[0]
    except ProjectError as error:
        raise ProjectError(
            "Git does not know who you are, and a decision has somebody who takes it",
            "`git config user.name NAME` and `git config user.email ADDRESS`",
        ) from error
