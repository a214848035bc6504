"""Which code changed, of that which the stages run."""

import difflib
import itertools
from typing import Any

from stemma.layout import CONF, ENVIRONMENT, INPUT
from stemma.pages.blocks import Cell, Table, Text
from stemma.store.version import Version
from stemma.versions.differences.section import Alike, Section

NAME = "code"
_SHOWN = 20
_ELSEWHERE = (CONF.name, INPUT.parts[0], ENVIRONMENT.name)


def compare(a: Version, b: Version) -> Section | Alike:
    """Compare the files of code that dvc.lock names."""
    left, right = _closures(a), _closures(b)
    if not left or not right:
        return Alike.ABSENT
    ours, theirs = a.tracked(), b.tracked()
    paths = [path for path in sorted({*left, *right}) if ours.get(path) != theirs.get(path)]
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


def _closures(version: Version) -> dict[str, list[str]]:
    """Return the stages that depend on each file of code."""
    found: dict[str, list[str]] = {}
    outs = {out.path for stage in version.stages() for out in stage.outs}
    for stage in version.stages():
        for dep in stage.deps:
            if dep.path not in outs and dep.path.split("/")[0] not in _ELSEWHERE:
                found.setdefault(dep.path, []).append(stage.name)
    return found


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
