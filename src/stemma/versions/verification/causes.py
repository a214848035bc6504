"""Why a stage did not come out as dvc.lock says: a cause, and the evidence for it."""

import dataclasses
import subprocess
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

from stemma.code import unlike
from stemma.environment import packages, variables
from stemma.hashes import md5_of
from stemma.layout import CONF, ENVIRONMENT
from stemma.store import git
from stemma.store.declared import CONVENTION
from stemma.store.lock import LockEntry, Stage
from stemma.versions.contents.code import code_of, is_folder_of_code
from stemma.versions.contents.measured import EXPORT, FIGURES, REMEDY, facts_of, is_of
from stemma.versions.verification import line_endings, processors
from stemma.versions.verification.rows import Row, Sides, unequal

Cause = Literal[
    "code", "settings", "threads or precision", "processor", "data", "environment", "dvc.lock",
    "line endings", "not committed", "stale", "stopped", "unknown",
]  # fmt: skip
# Where a stage notes the weights that it read: output -> file, key, and what is wrong otherwise.
_NOTES = {
    CONVENTION.measured: [("", "weights", FIGURES)],
    CONVENTION.exported: [("manifest.json", "trained", EXPORT)],
}
STALE: Cause = "stale"
_SHOWN = 5  # differences of one kind
_HISTORY = 200  # commits that are searched for the content of a hash


@dataclasses.dataclass(frozen=True)
class Finding:
    """One reason, and what shows it.

    Attributes:
        claim: dvc.lock claims what is not so; no tolerance covers that.
    """

    cause: Cause
    evidence: str
    claim: bool = True


def of_claims(
    name: str, version: Mapping[str, Stage], built: Mapping[str, Stage], sides: Sides
) -> Iterator[Finding]:
    """Yield where dvc.lock claims another input than the commit gives a stage that was built.

    An input that an earlier stage made is that stage's affair, unless dvc.lock names two hashes.
    """
    locked, rebuilt = version[name], built[name]
    if locked.command != rebuilt.command:
        evidence = f"dvc.lock ran `{locked.command}`, dvc.yaml says `{rebuilt.command}`"
        yield Finding("code", evidence)
    made = {out.path: (stage.name, out.md5) for stage in version.values() for out in stage.outs}
    found = {dep.path: dep.md5 for dep in rebuilt.deps}
    for dep in locked.deps:
        if dep.path in made:
            maker, md5 = made[dep.path]
            if md5 != dep.md5:
                evidence = f"{maker} made {dep.path} {md5}, {locked.name} read {dep.md5}"
                yield Finding("dvc.lock", f"dvc.lock contradicts itself: {evidence}")
        elif is_folder_of_code(dep):
            continue  # code.lock, which is made of it, says it file by file
        elif dep.path not in found:
            yield Finding("code", f"dvc.yaml no longer lists the dependency {dep.path}")
        elif found[dep.path] == dep.md5:
            continue
        elif line_endings.explain(sides.tree / dep.path, dep.md5):
            yield Finding("line endings", f"{dep.path} has others than in dvc.lock", claim=False)
        else:
            yield Finding(_kind_of(dep.path), _evidence(dep, found[dep.path], sides.tree))
    unlisted = {dep.path for dep in rebuilt.deps if not is_folder_of_code(dep)}
    for path in unlisted - {dep.path for dep in locked.deps}:
        yield Finding("code", f"dvc.lock does not have the dependency {path}")
    yield from _of_code(locked, rebuilt)
    yield from _of_settings(locked, rebuilt)
    yield from _of_weights(locked, version, sides)


def _of_code(locked: Stage, rebuilt: Stage) -> Iterator[Finding]:
    before, after = code_of(locked), code_of(rebuilt)
    changed = unlike(before, after) if before and after else []
    for path in changed[:_SHOWN]:
        one, other = before.get(path, "nothing"), after.get(path, "nothing")
        yield Finding("code", f"{path} is {one} in dvc.lock and {other} in the commit")


def _of_weights(locked: Stage, version: Mapping[str, Stage], sides: Sides) -> Iterator[Finding]:
    """Yield what a stage of a version made of other weights than those of the version."""
    for out in locked.outs:
        files = sides.expected(out) or {}
        for file, key, claim in _NOTES.get(out.path, ()):
            noted = facts_of(files[file].read_bytes()).get(key) if file in files else None
            if is_of(noted, version.values(), CONVENTION.trained) is False:
                yield Finding(STALE, f"{claim}: of {noted} ({REMEDY})")


def of_output(
    row: Row, locked: Stage, rebuilt: Stage, version: Mapping[str, Stage], sides: Sides
) -> list[Finding]:
    """Return why an output differs although all inputs are the same, the likeliest first."""
    readers = [
        stage.name
        for stage in version.values()
        for dep in stage.deps
        if dep.path == row.output and dep.md5 == row.rebuilt
    ]
    if readers:
        evidence = f"{', '.join(readers)} read {row.rebuilt}, which is what the rebuild gives"
        claim = f"{row.output} has another hash than its readers: {evidence}"
        return [Finding("dvc.lock", claim)]
    kept = sides.tracked / row.output
    if kept.exists() and md5_of(kept) == row.rebuilt:
        evidence = f"{row.output} of the commit is what the rebuild gives, dvc.lock names another"
        return [Finding("dvc.lock", evidence)]
    if kept.is_file() and line_endings.same_but_for_them(kept, sides.tree / row.output):
        return [Finding("line endings", f"{row.output} differs in nothing else", claim=False)]
    facts = list(_of_facts(locked, rebuilt, sides))
    settings = [fact for fact in facts if fact.startswith("settings.")]
    if settings:
        return [Finding("settings", "; ".join(facts[:_SHOWN]))]
    # Here the declared runtime is the same: what differs of it is what `auto` came to.
    apart = [fact for fact in facts if fact.startswith("runtime.")] or processors.apart(
        rebuilt, sides
    )
    declared = rebuilt.params.get("runtime.instructions", "native")
    unlike = [*packages(sides.tree / ENVIRONMENT), *variables(declared)]
    found = [Finding("environment", "; ".join(unlike[:_SHOWN]), claim=False)] if unlike else []
    if why := processors.evidence(rebuilt, apart, sides):
        # What is known to differ stands before what may.
        maybe = bool(unlike) and not apart and processors.is_told(sides)
        found.insert(len(found) if maybe else 0, Finding("processor", why, claim=False))
    if facts and not apart:
        found.append(Finding("unknown", "; ".join(facts[:_SHOWN]), claim=False))
    return found or [_unknown(row, locked, kept.exists(), sides)]


def _unknown(row: Row, locked: Stage, kept: bool, sides: Sides) -> Finding:
    if kept or sides.expected(_entry(locked, row.output)) is not None:
        same = "the same inputs, settings, code and declared packages, and no processor computes "
        return Finding("unknown", f"{same}otherwise: a stage that is not deterministic", False)
    return Finding(
        "unknown",
        f"{row.expected} is at hand nowhere, so that it cannot be said how it differs (`dvc "
        "fetch`, and verify again)",
    )


def _entry(stage: Stage, path: str) -> LockEntry:
    return next(out for out in stage.outs if out.path == path)


def _kind_of(path: str) -> Cause:
    if path == ENVIRONMENT.as_posix():
        return "environment"
    if path.partition("/")[0] == CONF.name:
        return "settings"
    return "data" if path.startswith("data/") else "code"


def _evidence(dep: LockEntry, found: str, tree: Path) -> str:
    text = f"{dep.path} is {dep.md5} in dvc.lock and {found} in the commit"
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


def _of_settings(locked: Stage, rebuilt: Stage) -> Iterator[Finding]:
    changes = list(_changes(locked.params, rebuilt.params, "dvc.lock", "the commit"))
    if changes:
        runtime = any(change.startswith("runtime.") for change in changes)
        evidence = "; ".join(changes[:_SHOWN])
        yield Finding("threads or precision" if runtime else "settings", evidence)


def _of_facts(locked: Stage, rebuilt: Stage, sides: Sides) -> Iterator[str]:
    # What a stage noted about its run: models/trained/training.json and the like.
    after = {out.path: out for out in rebuilt.outs}
    for out in locked.outs:
        ours = sides.expected(out) or {}
        theirs = (sides.rebuilt(after[out.path]) or {}) if out.path in after else {}
        for file in sorted(ours.keys() & theirs.keys()):
            if file.endswith(".json"):
                one, other = (facts_of(side[file].read_bytes()) for side in (ours, theirs))
                yield from _changes(one, other, "the version", "the rebuild")


def _changes(one: object, other: object, here: str, there: str) -> Iterator[str]:
    for key, was, now in unequal(one, other):
        yield f"{key} is {_short(was)} in {here} and {_short(now)} in {there}"


def _short(value: object) -> str:
    return textwrap.shorten(str(value), 40, placeholder="…")
