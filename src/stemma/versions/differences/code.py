"""Which code changed, of that which the stages run."""

import difflib
import itertools
from collections.abc import Sequence
from typing import Any

from stemma.identity import same_code
from stemma.pages.blocks import Cell, Table, Text
from stemma.store.version import Version
from stemma.versions.contents.code import has_lock, run_by
from stemma.versions.differences.section import Alike, Section

NAME = "code"
_SHOWN = 20


def compare(a: Version, b: Version) -> Section | Alike:
    """Compare the files of code that dvc.lock names."""
    left, right = run_by(a.stages()), run_by(b.stages())
    if not left or not right:
        return Alike.ABSENT
    paths = _changed(a, b, sorted({*left, *right}))
    if not paths:
        return Alike.EQUAL
    facts = {path: _facts(path, a, b, left, right) for path in paths}
    rows = tuple(
        (path, ", ".join(fact["stages"]), Cell(f"+{fact['added']}", "added"),
         Cell(f"−{fact['removed']}", "removed"))
        for path, fact in list(facts.items())[:_SHOWN]
    )  # fmt: skip
    stages = list(dict.fromkeys(stage for fact in facts.values() for stage in fact["stages"]))
    lines = sum(fact["added"] + fact["removed"] for fact in facts.values())
    words = (
        f"{len(paths)} file{'s' * (len(paths) > 1)} of code changed, "
        f"{lines} line{'s' * (lines != 1)}, run by {', '.join(stages)}."
    )
    table = Table("", ("file", "stages", "lines added", "lines removed"), rows, frozenset({2, 3}))
    more = [Text(f"{_SHOWN} of {len(paths)} shown; --json has all.")] * (len(paths) > _SHOWN)
    return Section(NAME, (words,), facts, (table, *more))


def _changed(a: Version, b: Version, paths: Sequence[str]) -> list[str]:
    """Return the files that are not the same code in both versions.

    To a version with a code.lock comments and the like are no code; of an older one any other byte
    made another version.
    """
    ours, theirs = a.tracked(), b.tracked()
    found = [path for path in paths if ours.get(path) != theirs.get(path)]
    if not all(map(has_lock, (a.stages(), b.stages()))):
        return found
    return [path for path in found if not same_code(a.read(path), b.read(path))]


def _facts(
    path: str, a: Version, b: Version, left: dict[str, list[str]], right: dict[str, list[str]]
) -> dict[str, Any]:
    before, after = ((side.read(path) or b"").decode(errors="replace") for side in (a, b))
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), n=0)
    # The first two are the names of the files.
    marks = [line[0] for line in itertools.islice(lines, 2, None)]
    return {
        "stages": list(dict.fromkeys([*left.get(path, ()), *right.get(path, ())])),
        "added": marks.count("+"),
        "removed": marks.count("-"),
    }
