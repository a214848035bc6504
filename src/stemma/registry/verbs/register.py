"""Gives a commit the name of a version: an annotated tag that says which bytes it stands for."""

import dataclasses
from pathlib import Path
from typing import Any

from stemma.registry import bump as bumps
from stemma.registry import whole
from stemma.registry.bump import Bump, Level
from stemma.registry.models import Model, model_of
from stemma.registry.publishing import how_to_push, publish, remote_for
from stemma.registry.trust import RefusedError
from stemma.store import events, refs
from stemma.store.digest import digest_of, files_of
from stemma.store.errors import ProjectError
from stemma.store.registry import Registry, user
from stemma.store.version import Commit


@dataclasses.dataclass(frozen=True)
class Registration:
    """A version that was registered, or would be.

    Attributes:
        artifact: the model's name.
        version: such as ``v1.2.0``.
        commit: the hash of the commit.
        digest: SHA-256 of the listing of the model's files.
        bump: how it differs from the last one.
        local: whether its bytes need not be in a remote.
        tag: the name of the tag; None if none was written.
        pushed: the remote that has it now; None if it was not pushed.
        to_push: the command that pushes it; None if there is no remote, or it is done.
    """

    artifact: str
    version: str
    commit: str
    digest: str
    bump: Bump
    local: bool
    tag: str | None
    pushed: str | None
    to_push: str | None

    def as_dict(self) -> dict[str, Any]:
        """Return all of it, as ``--json`` prints it."""
        return dataclasses.asdict(self)


def register(
    revision: str = "HEAD",
    *,
    bump: Level | None = None,
    version: str | None = None,
    artifact: str | None = None,
    local: bool = False,
    push: bool = False,
    dry_run: bool = False,
    root: Path = Path(),
) -> Registration:
    """Register a commit as a version of a model.

    Args:
        revision: what Git calls the commit.
        bump: the number that goes up; None for what is proposed.
        version: the version itself, such as ``v1.2.0``.
        artifact: the model, as ``artifacts:`` of dvc.yaml has it; None for the one handed on.
        local: whether its bytes may be in no remote.
        push: whether to push the tag.
        dry_run: whether to write nothing.
        root: the project.

    Raises:
        RefusedError: the tree is dirty, dvc.lock does not match the outputs, bytes are in no
            remote, or the commit or the version is registered already.
        ProjectError: there is no such commit or model.
    """
    commit = refs.commit_of(revision, root)
    remote = remote_for(push and not dry_run, root)
    registry, found = Registry(root), Commit(revision, commit, root)
    model = model_of(found, artifact, root)
    if before := registry.at(model.name, commit):
        raise RefusedError(
            f"{commit[:10]} is {before.name} already", f"`stemma promote {before.version} STAGE`"
        )
    whole.check(found, local, root)
    files = files_of(found, model.output)
    proposal = bumps.proposed(registry, model, found)
    name = _chosen(registry, model, proposal, bump, version)
    registration = Registration(
        model.name, name, commit, digest_of(files), proposal, local,
        None, None, None,
    )  # fmt: skip
    if dry_run:
        return registration
    return _written(registration, model, files, registry, remote)


def _chosen(
    registry: Registry, model: Model, proposal: Bump, bump: Level | None, version: str | None
) -> str:
    versions = registry.versions(model.name)
    if version is not None:
        version = version if version.startswith("v") else f"v{version}"
        if not bumps.is_version(version):
            raise ProjectError(f"'{version}' is no version", "it is like 1.2.0, or 1.2.0-rc.1")
        if version in {one.version for one in versions}:
            raise RefusedError(f"{model.name}@{version} is there already", "see `stemma versions`")
        return version
    if not versions:
        return bumps.FIRST
    level = bump or proposal.level
    if level is None:
        raise RefusedError(
            f"the model is that of {proposal.since}, byte for byte",
            "--bump or --version gives it a second name all the same",
        )
    return bumps.next_version(versions, proposal.since, level)


def _written(
    one: Registration, model: Model, files: dict[str, str], registry: Registry, remote: str | None
) -> Registration:
    root = registry.root
    tag = events.name_of("register", one.artifact, one.version)
    evidence = {
        "artifact": one.artifact, "version": one.version, "commit": one.commit,
        "output": model.output, "digest": one.digest, "files": files, "local": one.local,
        "since": one.bump.since, "level": one.bump.level, "reasons": one.bump.reasons,
        "by": user(root),
    }  # fmt: skip
    lines = [f"Since {one.bump.since}: {'; '.join(one.bump.reasons)}"] if one.bump.since else []
    lines.append(f"SHA-256 of {model.output}: {one.digest}")
    text = events.message(f"Register {one.artifact} {one.version}", lines, evidence)
    publish(tag, one.commit, text, registry.next_time(one.artifact), remote, root)
    to_push = None if remote else how_to_push([tag], root)
    return dataclasses.replace(one, tag=tag, pushed=remote, to_push=to_push)
