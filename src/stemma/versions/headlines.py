"""The headline figure of each version, its change, and whether that is more than chance."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from stemma.modeling.formulas import Examples
from stemma.versions import git
from stemma.versions.comparison import changed
from stemma.versions.diff.section import Tone
from stemma.versions.examples import parse
from stemma.versions.history import Record
from stemma.versions.metrics import figures, metric


@dataclasses.dataclass(frozen=True)
class Headline:
    """The first figure of a version.

    Attributes:
        name: of the figure; empty where there is none.
        value: of the figure.
        difference: from the first parent; None where that has no such figure.
        tone: better or worse where the difference is significant; else empty.
    """

    name: str = ""
    value: float | None = None
    difference: float | None = None
    tone: Tone = ""


_Test = tuple[str, str, str]  # Git's hashes of the examples of both sides, and the figure


def headlines(found: Sequence[Record], root: Path) -> Mapping[str, Headline]:
    """Return the headline of each version by its commit.

    Args:
        found: versions; the parents among them are compared with.
        root: the project's root.

    Raises:
        ProjectError: a table of examples that Git holds is torn.
    """
    records = {record.commit: record for record in found}
    scores = {record.commit: figures(dict(record.metrics)) for record in found}
    made: dict[str, Headline] = {}
    tests: dict[str, _Test] = {}
    for commit, record in records.items():
        name = next(iter(scores[commit]), "")
        parent = next((one for one in record.parents if one in records), "")
        theirs = scores.get(parent, {}).get(name)
        if theirs is None:
            made[commit] = Headline(name, scores[commit].get(name))
            continue
        value = scores[commit][name]
        made[commit] = Headline(name, value, value - theirs, metric(name).tone(value - theirs))
        before, after = records[parent].examples, record.examples
        if made[commit].tone and before and after:
            tests[commit] = before, after, name
        else:
            made[commit] = dataclasses.replace(made[commit], tone="")
    for commit, real in zip(tests, _tested(list(tests.values()), root), strict=True):
        if not real:
            made[commit] = dataclasses.replace(made[commit], tone="")
    return made


def _tested(tests: Sequence[_Test], root: Path) -> Iterator[bool | None]:
    """Yield whether each is a difference; only examples that are needed again are held."""
    last = {blob: index for index, test in enumerate(tests) for blob in test[:2]}
    stream = git.contents(dict.fromkeys(blob for test in tests for blob in test[:2]), root)
    held: dict[str, Examples] = {}
    for index, (before, after, name) in enumerate(tests):
        while before not in held or after not in held:
            blob, content = next(stream)
            held[blob] = parse(content, f"Git object {blob[:10]}")
        yield changed(held[before], held[after], name)
        held = {blob: one for blob, one in held.items() if last[blob] > index}
