"""Whether the outputs in the working tree have the bytes of a commit, and if not, why."""

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from stemma.code import unlike
from stemma.environment import variables
from stemma.hashes import hashes_of, name_of
from stemma.layout import CODE, PARAMS
from stemma.store import git, refs
from stemma.store.lock import Stage
from stemma.store.version import Tree, built
from stemma.versions.contents.code import code_of
from stemma.versions.contents.environment import unlike_here
from stemma.versions.verification.nested import unequal

_SHOWN = 5  # differences of one kind
_MADE_BY = (PARAMS.as_posix(), CODE.as_posix())


@dataclasses.dataclass(frozen=True)
class WorkingTreeStatus:
    """The outputs in the working tree, compared with those of a commit.

    Attributes:
        commit: the hash of the commit.
        outputs: how many outputs it has.
        missing: outputs that are not in the working tree.
        different: outputs that have other bytes there, in the order of the stages.
        first: the first stage whose outputs are different; None if there is none.
        causes: why they are likely to differ, a phrase for each cause.
        changed: files other than outputs that Git tracks, and that are not as the commit has them.
    """

    commit: str
    outputs: int
    missing: tuple[str, ...]
    different: tuple[str, ...]
    first: str | None
    causes: tuple[str, ...]
    changed: tuple[str, ...]

    @property
    def exact(self) -> bool:
        """Whether every output is there, with the bytes that the commit names."""
        return not self.missing and not self.different

    def as_dict(self) -> dict[str, Any]:
        """Return all of it, as ``--json`` prints it."""
        return dataclasses.asdict(self) | {"exact": self.exact}


def status(revision: str = "HEAD", root: Path = Path()) -> WorkingTreeStatus:
    """Hash every output in the working tree and compare it with the dvc.lock of a commit.

    Args:
        revision: what Git calls the commit.
        root: the project.

    Raises:
        ProjectError: there is no such commit, or it is no version.
    """
    commit = refs.commit_of(revision, root)
    stages = [
        # They are what the others are made with: an edit of them is told as one.
        dataclasses.replace(
            stage, outs=tuple(out for out in stage.outs if out.path not in _MADE_BY)
        )
        for stage in built(commit[:10], commit, root).lock.parts
    ]
    paths = {out.path: root / out.path for stage in stages for out in stage.outs}
    made = {out: name_of(hashes_of(path)) if path.exists() else None for out, path in paths.items()}
    missing = tuple(path for path, md5 in made.items() if md5 is None)
    wrong = {out.path: stage for stage in stages for out in stage.outs if made[out.path] != out.md5}
    different = {path: stage for path, stage in wrong.items() if path not in missing}
    first = next(iter(different.values()), None)
    here = {stage.name: stage for stage in Tree(root).lock.parts}
    listed = git.run(["diff", "--name-only", "--relative", "-z", commit], root).split("\0")
    return WorkingTreeStatus(
        commit,
        len(made),
        missing,
        tuple(different),
        first.name if first else None,
        tuple(_causes(first, here.get(first.name), made, root)) if first else (),
        tuple(path for path in listed if path and not _is_output(path, made)),
    )


def _is_output(path: str, made: Mapping[str, str | None]) -> bool:
    file = PurePosixPath(path)
    return any(str(part) in made for part in (file, *file.parents))


def _causes(
    there: Stage, here: Stage | None, made: Mapping[str, str | None], root: Path
) -> Iterator[str]:
    if here is None:
        yield f"the stage {there.name} was not built here"
        return
    if other := [out.path for out in here.outs if made.get(out.path) not in (None, out.md5)]:
        yield (
            f"what lies in {', '.join(other)} is not what dvc.lock here says: edited since, or of "
            "another version (`dvc checkout` brings what DVC keeps, `git checkout` what Git keeps)"
        )
        return
    found = [*_settings(there, here), *_dependencies(there, here, made)]
    instructions = here.params.get("runtime.instructions")
    if not found:
        set_otherwise = variables(instructions) if instructions else ()
        found = [*unlike_here(root), *set_otherwise]
    yield from found[:_SHOWN]
    if len(found) > _SHOWN:
        yield f"{len(found) - _SHOWN} more"
    if not found and instructions == "native":
        yield (
            "the processor: runtime.instructions is native, so another one gives other bytes "
            "(`runtime=portable` gives the same)"
        )
    elif not found:
        yield "nothing declared differs: type `stemma verify`, which says more"


def _settings(there: Stage, here: Stage) -> Iterator[str]:
    for key, was, now in unequal(there.params, here.params):
        yield f"{key} is {was} there and {now} here"


def _dependencies(there: Stage, here: Stage, made: Mapping[str, str | None]) -> Iterator[str]:
    before = {dep.path: dep.md5 for dep in there.deps}
    after = {dep.path: dep.md5 for dep in here.deps}
    for path in sorted({*before, *after} - made.keys()):
        if before.get(path) != after.get(path):
            yield f"{path} is another"
    yield from (f"{path} is another" for path in unlike(code_of(there), code_of(here)))
