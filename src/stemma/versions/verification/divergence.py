"""Why an output differs although all of its stage's inputs are what dvc.lock says."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from stemma import code
from stemma.environment import variables
from stemma.errors import ReproducibilityError
from stemma.hashes import md5_of
from stemma.layout import CODE
from stemma.store.lock import LockEntry, Stage
from stemma.versions.contents.environment import unlike_here
from stemma.versions.contents.measured import facts_of
from stemma.versions.verification import line_endings, processors
from stemma.versions.verification.causes import SHOWN, LikelyCause, changes
from stemma.versions.verification.output_files import OutputFiles
from stemma.versions.verification.output_rows import OutputRow


def causes_of_divergence(
    row: OutputRow,
    locked: Stage,
    rebuilt: Stage,
    version: Mapping[str, Stage],
    files: OutputFiles,
) -> list[LikelyCause]:
    """Return why an output differs although all inputs are the same, the likeliest first.

    Args:
        row: of the output.
        locked: its stage, as dvc.lock has it.
        rebuilt: its stage, as it was built.
        version: the stages in dvc.lock, by name.
        files: where the outputs of both are.
    """
    readers = [
        stage.name
        for stage in version.values()
        for dep in stage.deps
        if dep.path == row.output and dep.md5 == row.rebuilt
    ]
    if readers:
        evidence = f"{', '.join(readers)} read {row.rebuilt}, which is what the rebuild gives"
        claim = f"{row.output} has another hash than its readers: {evidence}"
        return [LikelyCause("dvc.lock", claim)]
    kept = files.tracked / row.output
    coded = _of_code(kept, files.tree) if row.output == CODE.as_posix() else []
    if coded:
        return coded[:SHOWN]
    if kept.exists() and md5_of(kept) == row.rebuilt:
        evidence = f"{row.output} of the commit is what the rebuild gives, dvc.lock names another"
        return [LikelyCause("dvc.lock", evidence)]
    if kept.is_file() and line_endings.same_but_for_them(kept, files.tree / row.output):
        evidence = f"{row.output} differs in nothing else"
        return [LikelyCause("line endings", evidence, claim=False)]
    facts = list(_of_facts(locked, rebuilt, files))
    settings = [fact for fact in facts if fact.startswith("settings.")]
    if settings:
        return [LikelyCause("settings", "; ".join(facts[:SHOWN]))]
    found = _of_machine(facts, rebuilt, files)
    return found or [_unknown(row, locked, kept.exists(), files)]


def _of_code(kept: Path, tree: Path) -> list[LikelyCause]:
    """Return what the code.lock of the commit names that is not so in a checkout of the commit."""
    try:
        locked, found = code.read(kept), code.read(tree / CODE)
    except ReproducibilityError:
        return []
    gone = [
        LikelyCause("not committed", f"{stage} depends on {file}, and the commit does not have it")
        for stage, files in locked.items()
        for file in files
        if not (tree / file).exists()
    ]
    # Without a file, what it alone imports is no code of the stage's either.
    return gone or [
        LikelyCause("code", f"{file} is {one} in {CODE} and {other} in the commit")
        for stage in sorted({*locked, *found})
        for file, one, other in code.differing(locked.get(stage, {}), found.get(stage, {}))
    ]


def _of_machine(facts: list[str], rebuilt: Stage, files: OutputFiles) -> list[LikelyCause]:
    # Here the declared runtime is the same: what differs of it is what `auto` came to.
    apart = [fact for fact in facts if fact.startswith("runtime.")] or processors.apart(
        rebuilt, files
    )
    declared = rebuilt.params.get("runtime.instructions", "native")
    unlike = [*unlike_here(files.tree), *variables(declared)]
    found = [LikelyCause("environment", "; ".join(unlike[:SHOWN]), claim=False)] if unlike else []
    if why := processors.evidence(rebuilt, apart, files):
        # What is known to differ stands before what may.
        maybe = bool(unlike) and not apart and processors.is_told(files)
        found.insert(len(found) if maybe else 0, LikelyCause("processor", why, claim=False))
    if facts and not apart:
        found.append(LikelyCause("unknown", "; ".join(facts[:SHOWN]), claim=False))
    return found


def _unknown(row: OutputRow, locked: Stage, kept: bool, files: OutputFiles) -> LikelyCause:
    if kept or files.expected(_entry(locked, row.output)) is not None:
        same = "the same inputs, settings, code and declared packages, and no processor computes "
        return LikelyCause("unknown", f"{same}otherwise: a stage that is not deterministic", False)
    return LikelyCause(
        "unknown",
        f"{row.expected} is at hand nowhere, so that it cannot be said how it differs (`dvc "
        "fetch`, and verify again)",
    )


def _entry(stage: Stage, path: str) -> LockEntry:
    return next(out for out in stage.outs if out.path == path)


def _of_facts(locked: Stage, rebuilt: Stage, files: OutputFiles) -> Iterator[str]:
    """Yield what a stage noted otherwise about its run, such as in models/trained/training.json."""
    after = {out.path: out for out in rebuilt.outs}
    for out in locked.outs:
        ours = files.expected(out) or {}
        theirs = files.rebuilt(after[out.path]) if out.path in after else {}
        for file in sorted(ours.keys() & theirs.keys()):
            if file.endswith(".json"):
                one, other = (facts_of(side[file].read_bytes()) for side in (ours, theirs))
                yield from changes(one, other, "the version", "the rebuild")
