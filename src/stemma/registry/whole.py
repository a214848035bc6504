"""Whether a commit is a whole version: what it declares is what it holds, and others can get it."""

from collections.abc import Iterator
from pathlib import Path

from stemma.hashes import DIR, md5_of
from stemma.registry.trust import RefusedError
from stemma.store import git
from stemma.store.cache import Cache
from stemma.store.errors import ProjectError
from stemma.store.objects import remote_of, repository
from stemma.store.version import Commit
from stemma.versions.contents.measured import export_matches, metrics_match
from stemma.versions.verbs.status import status

_SHOWN = 3  # files that a message names


def check(version: Commit, local: bool, root: Path) -> None:
    """Refuse a commit that is no whole version.

    Args:
        version: the commit.
        local: whether its bytes may be in no remote.
        root: the project.

    Raises:
        RefusedError: the working tree that stands on the commit is dirty; dvc.lock does not match
            the outputs; or bytes are not in the default remote.
    """
    if git.find("HEAD", root) == version.commit:
        _check_tree(root)
    if wrong := [*_inconsistent(version)]:
        raise RefusedError(
            f"dvc.lock of {version.name} does not match what it was made with: {'; '.join(wrong)}",
            "`dvc repro` and commit what it makes",
        )
    if not local:
        _check_remote(version, root)


def _check_tree(root: Path) -> None:
    if dirty := git.changed(root):
        raise RefusedError(
            f"the working tree is dirty: {_few(dirty)}", "commit it, or `git stash` it"
        )
    if other := status("HEAD", root).different:
        raise RefusedError(
            f"what lies in {_few(list(other))} is not what dvc.lock says",
            "`dvc repro` builds it, `dvc checkout` brings what dvc.lock names",
        )


def _inconsistent(version: Commit) -> Iterator[str]:
    stages = version.stages()
    if not stages:
        yield "it has no stage"
    outs = {out.path: out for stage in stages for out in stage.outs}
    for stage in stages:
        for dep in stage.deps:
            if dep.path in outs and outs[dep.path].md5 != dep.md5:
                yield f"{stage.name} was made with another {dep.path}"
    for path in version.declared.in_git:
        raw = version.read(path) if path in outs and not outs[path].md5.endswith(DIR) else None
        if raw is not None and md5_of(raw) != outs[path].md5:
            yield f"{path} in Git is not the one that its stage made"
    if metrics_match(version) is False:
        yield "the metrics are of other weights"
    if export_matches(version) is False:
        yield "the export was made of other weights"


def _check_remote(version: Commit, root: Path) -> None:
    kept = {
        out.path: out.md5
        for stage in version.stages()
        for out in stage.outs
        if out.path not in version.declared.in_git
    }
    cache = Cache(root)
    with repository(root) as repo:
        if not repo.config["core"].get("remote"):
            raise RefusedError(
                "there is no default remote, so nobody else can get the bytes",
                "`dvc remote add -d NAME URL` and `dvc push`; --local names it all the same",
            )
        remote = remote_of(repo, None)
        for path, md5 in kept.items():
            try:
                objects = {md5, *cache.files(md5, f"{path} of {version.name}").values()}
            except ProjectError as error:
                raise RefusedError(
                    f"which files {path} has is not known: {error.message}", error.hint
                ) from error
            if lacking := len(objects - remote.among(sorted(objects))):
                name = repo.config["core"]["remote"]
                raise RefusedError(
                    f"{lacking} of {len(objects)} objects of {path} are not in {name}",
                    "`dvc push` sends them; --local names it all the same",
                )


def _few(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
