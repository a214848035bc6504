"""Where dvc.lock claims that a stage read something else than the commit gives it."""

import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from stemma.code import differing
from stemma.hashes import md5_of
from stemma.layout import CONF, ENVIRONMENT
from stemma.store import git
from stemma.store.declared import CONVENTION
from stemma.store.lock import LockEntry, Stage
from stemma.versions.contents.code import code_of, is_folder_of_code
from stemma.versions.contents.measured import (
    EXPORT_DIFFERS,
    METRICS_DIFFER,
    REMEDY,
    facts_of,
    is_of,
)
from stemma.versions.verification import line_endings
from stemma.versions.verification.causes import SHOWN, STALE, CauseName, LikelyCause, changes
from stemma.versions.verification.output_files import OutputFiles

# Where a stage notes the weights that it read: output -> file, key, and what is wrong otherwise.
_NOTES = {
    CONVENTION.measured: [("", "weights", METRICS_DIFFER)],
    CONVENTION.exported: [("manifest.json", "trained", EXPORT_DIFFERS)],
}
_HISTORY = 200  # commits that are searched for the content of a hash


def false_claims(
    name: str, version: Mapping[str, Stage], built: Mapping[str, Stage], files: OutputFiles
) -> Iterator[LikelyCause]:
    """Yield where dvc.lock claims another input than the commit gives a stage that was built.

    An input that an earlier stage made is that stage's affair, unless dvc.lock names two hashes.

    Args:
        name: of the stage.
        version: the stages in dvc.lock, by name.
        built: the stages that were built, by name.
        files: where the outputs of both are.
    """
    locked, rebuilt = version[name], built[name]
    if locked.command != rebuilt.command:
        evidence = f"dvc.lock ran `{locked.command}`, dvc.yaml says `{rebuilt.command}`"
        yield LikelyCause("code", evidence)
    made = {out.path: (stage.name, out.md5) for stage in version.values() for out in stage.outs}
    found = {dep.path: dep.md5 for dep in rebuilt.deps}
    for dep in locked.deps:
        if dep.path in made:
            maker, md5 = made[dep.path]
            if md5 != dep.md5:
                evidence = f"{maker} made {dep.path} {md5}, {locked.name} read {dep.md5}"
                yield LikelyCause("dvc.lock", f"dvc.lock contradicts itself: {evidence}")
        elif is_folder_of_code(dep):
            continue  # code.lock, which is made of it, says it file by file
        elif dep.path not in found:
            yield LikelyCause("code", f"dvc.yaml no longer lists the dependency {dep.path}")
        elif found[dep.path] == dep.md5:
            continue
        elif not dep.is_external and line_endings.explain(files.tree / dep.path, dep.md5):
            evidence = f"{dep.path} has others than in dvc.lock"
            yield LikelyCause("line endings", evidence, claim=False)
        else:
            yield LikelyCause(_kind_of(dep.path), _evidence(dep, found[dep.path], files.tree))
    unlisted = {dep.path for dep in rebuilt.deps if not is_folder_of_code(dep)}
    for path in unlisted - {dep.path for dep in locked.deps}:
        yield LikelyCause("code", f"dvc.lock does not have the dependency {path}")
    yield from _of_code(locked, rebuilt)
    yield from _of_settings(locked, rebuilt)
    yield from _of_weights(locked, version, files)


def _of_code(locked: Stage, rebuilt: Stage) -> Iterator[LikelyCause]:
    before, after = code_of(locked), code_of(rebuilt)
    for path, one, other in (differing(before, after) if before and after else [])[:SHOWN]:
        yield LikelyCause("code", f"{path} is {one} in dvc.lock and {other} in the commit")


def _of_weights(
    locked: Stage, version: Mapping[str, Stage], files: OutputFiles
) -> Iterator[LikelyCause]:
    """Yield what a stage of a version made of other weights than those of the version."""
    for out in locked.outs:
        expected = files.expected(out) or {}
        for file, key, claim in _NOTES.get(out.path, ()):
            noted = facts_of(expected[file].read_bytes()).get(key) if file in expected else None
            if is_of(noted, version.values(), CONVENTION.trained) is False:
                yield LikelyCause(STALE, f"{claim}: of {noted} ({REMEDY})")


def _of_settings(locked: Stage, rebuilt: Stage) -> Iterator[LikelyCause]:
    found = list(changes(locked.params, rebuilt.params, "dvc.lock", "the commit"))
    if found:
        runtime = any(change.startswith("runtime.") for change in found)
        evidence = "; ".join(found[:SHOWN])
        yield LikelyCause("threads or precision" if runtime else "settings", evidence)


def _kind_of(path: str) -> CauseName:
    if path == ENVIRONMENT.as_posix():
        return "environment"
    if path.partition("/")[0] == CONF.name:
        return "settings"
    return "data" if path.startswith("data/") or "://" in path else "code"


def _evidence(dep: LockEntry, found: str, tree: Path) -> str:
    where = "there now" if dep.is_external else "in the commit"
    text = f"{dep.path} is {dep.md5} in dvc.lock and {found} {where}"
    if dep.is_external:
        return text
    if dep.md5.endswith(".dir"):
        return text
    commit = _commit_with(dep, tree)
    if commit:
        return f"{text}; it is the file of {commit[:10]}"
    return f"{text}; no commit has it: edited while the stage ran, or never committed"


def _commit_with(dep: LockEntry, tree: Path) -> str | None:
    history = ["log", "--all", f"--max-count={_HISTORY}", "--format=%H", "--", dep.path]
    for commit in git.run(history, tree).split():
        shown = subprocess.run(
            ["git", "-C", str(tree), "show", f"{commit}:{dep.path}"],
            capture_output=True,
            check=False,
        )
        if md5_of(shown.stdout) == dep.md5:
            return commit
    return None
