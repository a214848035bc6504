"""The headline metric of each version, its change, and whether that is more than chance."""

import dataclasses
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stemma.memo import keep, recall
from stemma.pages.blocks import Tone
from stemma.store import git
from stemma.versions.contents.metrics import metric, metric_values
from stemma.versions.history.records import Record

if TYPE_CHECKING:
    from stemma.modeling.metrics.formulas import Examples

_MEMORY = "jackknife"
# What the test of `stemma.versions.comparison.tested.changed` is made of, from src/stemma.
_CODE = ("modeling/metrics", "statistics", "versions/comparison", "versions/contents")
_SOURCE = Path(__file__).parents[2]


@dataclasses.dataclass(frozen=True)
class Headline:
    """The first metric of a version.

    Attributes:
        name: the name of the metric; empty where there is none.
        value: its value, not rounded; None where there is none.
        difference: the value minus that of the first parent; None where the parent's first metric
            is another, or where one of the two was measured on other weights than its version has.
        tone: ``better`` or ``worse`` where the difference is significant; else empty.
    """

    name: str = ""
    value: float | None = None
    difference: float | None = None
    tone: Tone = ""


_Test = tuple[str, str, str]  # Git's hashes of the examples of both sides, and the metric's name


def headlines(
    asked: Sequence[Record], known: Sequence[Record], root: Path
) -> Mapping[str, Headline]:
    """Return the headline of each version by its commit.

    Args:
        asked: the versions whose headlines are wanted.
        known: those and their parents; a version whose parents are not among them is not compared.
        root: the project's root.

    Raises:
        ProjectError: a table of examples that Git holds is torn.
    """
    records = {record.commit: record for record in known}
    made: dict[str, Headline] = {}
    tests: dict[str, _Test] = {}
    for record in asked:
        commit, ours = record.commit, metric_values(dict(record.metrics))
        name = next(iter(ours), "")
        parent = next((one for one in record.parents if one in records), "")
        theirs = metric_values(dict(records[parent].metrics)) if parent else {}
        # Of two metrics of which one was measured on other weights, the difference says nothing.
        stale = name and parent and False in (record.metrics_match, records[parent].metrics_match)
        if next(iter(theirs), None) != name or stale:
            made[commit] = Headline(name, ours.get(name))
            continue
        value = ours[name]
        change = value - theirs[name]
        known_as = metric(name, record.declared.directions)
        made[commit] = Headline(name, value, change, known_as.tone(change))
        before, after = records[parent].examples, record.examples
        if made[commit].tone and before and after:
            tests[commit] = before, after, name
        else:
            made[commit] = dataclasses.replace(made[commit], tone="")
    files = {record.examples or "": record.declared.examples for record in known}
    real = _known(tests.values(), files, root)
    for commit in (commit for commit, test in tests.items() if not real[" ".join(test)]):
        made[commit] = dataclasses.replace(made[commit], tone="")
    return made


def _known(
    tests: Iterable[_Test], files: Mapping[str, str], root: Path
) -> Mapping[str, bool | None]:
    """Return whether each test finds a difference, from memory as far as it was run before."""
    # Another level, or another formula, may find otherwise.
    by = _digest_of_code()
    kept = recall(_MEMORY, root)
    tests_kept = kept.get("tests") if kept.get("by") == by else None
    known = tests_kept if isinstance(tests_kept, dict) else {}
    new = {key: test for test in tests if (key := " ".join(test)) not in known}
    if new:
        known |= zip(new, _tested(list(new.values()), files, root), strict=True)
        keep(_MEMORY, {"by": by, "tests": known}, root)
    return known


def _digest_of_code() -> str:
    digest = hashlib.sha256()
    for path in sorted(file for folder in _CODE for file in (_SOURCE / folder).glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _tested(tests: Sequence[_Test], files: Mapping[str, str], root: Path) -> Iterator[bool | None]:
    """Yield whether each test finds a difference; only examples needed again stay in memory."""
    from stemma.versions.comparison.tested import changed
    from stemma.versions.contents.examples import parse

    last = {blob: index for index, test in enumerate(tests) for blob in test[:2]}
    stream = git.contents(dict.fromkeys(blob for test in tests for blob in test[:2]), root)
    held: dict[str, Examples] = {}
    for index, (before, after, name) in enumerate(tests):
        while before not in held or after not in held:
            blob, content = next(stream)
            held[blob] = parse(content, f"{files[blob]} of Git object {blob[:10]}")
        yield changed(held[before], held[after], name)
        held = {blob: one for blob, one in held.items() if last[blob] > index}
