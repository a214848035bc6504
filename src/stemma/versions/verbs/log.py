"""One line per version: the tree it stands in, what changed, and whether that made it better."""

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.text import Text

from stemma.corpus import revoked
from stemma.layout import REVOKED
from stemma.pages import printing
from stemma.store import git
from stemma.store.cache import Cache
from stemma.store.errors import ProjectError
from stemma.store.lock import LOCK
from stemma.store.refs import names
from stemma.streams import say
from stemma.versions.comparison.headlines import headlines
from stemma.versions.history.edges import bases
from stemma.versions.history.records import Record, changes, records
from stemma.versions.history.sizes import Sizes
from stemma.versions.verbs.log_line import Line, drawn, facts


def log(scope: Sequence[str], path: str | None, as_json: bool, root: Path = Path()) -> None:
    """Print the versions, newest first.

    Args:
        scope: revisions and ranges as ``git log`` takes them.
        path: only versions in which this file, folder or output is another than in the parent.
        as_json: print a list of objects, one per version.
        root: the project's root.

    Raises:
        ProjectError: there is no such revision, or no version.
    """
    lines = _in_scope(scope, root)
    if not lines:
        raise _none(scope, root)
    if path:
        touched = [line for line in lines if _touches(line, path)]
        if not touched:
            raise _untouched(path, lines)
        lines = touched
    if git.is_shallow(root):
        print("stemma: this clone is shallow: there are older versions", end=" ", file=sys.stderr)
        print("(`git fetch --unshallow` brings them)", file=sys.stderr)
    if as_json:
        refs = {line.record.commit: line.refs for line in lines}
        printing.print_json([facts(line, refs.get(line.base, ())) for line in lines])
        return
    console = printing.console()
    texts = [text for line in lines for text in drawn(line, graph=not path)]
    if not console.is_terminal:
        say("\n".join(text.plain for text in texts))
        return
    for text in texts:
        text.truncate(console.width, overflow="ellipsis")
    console.print(Text("\n").join(texts), soft_wrap=True)


def _none(scope: Sequence[str], root: Path) -> ProjectError:
    if records(["--all"], root):
        where = f"in {' '.join(scope)}" if scope else "on this branch"
        return ProjectError(f"there is no version {where}", "`stemma log --all` shows all")
    return ProjectError("there is no version yet", "build one with `dvc repro`, and commit it")


def _untouched(path: str, lines: Sequence[Line]) -> ProjectError:
    parts = {
        name
        for line in lines
        for names in (line.record.lock.deps, line.record.lock.outs, line.record.settings)
        for name in names
    }
    if any(_is_in(name, path) for name in parts):
        return ProjectError(f"no version changed {path}", "`stemma log` shows all")
    return ProjectError(
        f"'{path}' is no revision, and no version reads or makes such a file",
        "see `git log --oneline --all`; `stemma show` names what a version reads and makes",
    )


def _in_scope(scope: Sequence[str], root: Path) -> list[Line]:
    """Return the lines of a scope; what a range leaves out is still what its versions follow."""
    found = records(scope, root)
    ends = git.run(["rev-parse", "--revs-only", *scope], root).split()
    tips = [end for end in ends if not end.startswith("^")]
    if not found or len(tips) == len(ends):
        return _lines(found, root)
    lines = {line.record.commit: line for line in _lines(records(tips, root), root)}
    return [
        dataclasses.replace(line, record=dataclasses.replace(line.record, graph=record.graph))
        for record in found
        if (line := lines.get(record.commit))
    ]


def _lines(found: list[Record], root: Path) -> list[Line]:
    known = {record.commit: record for record in found}
    refs = names_of(found, root)
    heads = headlines(found, root)
    edges = bases(found, root)
    tainted = _taints(root)
    sizes = Sizes(Cache(root).folder)
    lines = []
    for record in found:
        parents = [known[parent] for parent in record.parents if parent in known]
        first = parents[0] if parents else None
        lines.append(
            Line(
                record,
                tuple(refs.get(record.commit, ())),
                changes(first, record) if first else {},
                _outputs(first, record),
                sizes.added([parent.lock for parent in parents], record.lock),
                edges.get(record.commit, ""),
                tainted.get(record.commit, ""),
                heads[record.commit],
            )
        )
    return lines


def _taints(root: Path) -> dict[str, str]:
    """Return why versions are tainted, by commit; without a revoked record nothing is imported."""
    if not revoked.read(root / REVOKED):
        return {}
    from stemma.versions.verbs.forget import taints, why_tainted

    return {
        commit: why_tainted(one) for commit, one in taints(records(["--all"], root), root).items()
    }


def _outputs(parent: Record | None, record: Record) -> tuple[str, ...]:
    before = parent.lock.outs if parent else {}
    return tuple(path for path, one in record.lock.outs.items() if before.get(path) != one)


def names_of(found: list[Record], root: Path) -> dict[str, list[str]]:
    """Return the refs of each version: those of its commit, and of others with its dvc.lock.

    Tags stand before branches, and experiments last.

    Args:
        found: versions, newest first.
        root: the project's root.
    """
    # The newest version of a lock is the one that a later commit left as it was.
    by_key = {record.key: record.commit for record in reversed(found)}
    versions = {record.commit for record in found}
    listed = names(root)
    asked = "".join(f"{tip}:./{LOCK}\n" for _, tip in listed)
    told = git.run(["cat-file", "--batch-check=%(objectname)"], root, asked).splitlines()
    refs: dict[str, list[str]] = {}
    for (name, tip), key in zip(listed, told, strict=True):
        if commit := tip if tip in versions else by_key.get(key):
            refs.setdefault(commit, []).append(name)
    return refs


def _touches(line: Line, path: str) -> bool:
    return any(
        _is_in(name, path) for paths in (*line.changed.values(), line.outputs) for name in paths
    )


def _is_in(name: str, path: str) -> bool:
    """Say whether a file stands in a folder, or a key of settings in a section."""
    wanted = path.rstrip("/")
    return name == wanted or name.startswith((f"{wanted}/", f"{wanted}."))
