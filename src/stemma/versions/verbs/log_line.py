"""What `stemma log` tells of a version: in a line, and as JSON."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from rich.filesize import decimal
from rich.text import Text

from stemma.pages.numbers import signed, written
from stemma.versions.comparison.headlines import Headline
from stemma.versions.contents.metrics import figures
from stemma.versions.history.records import Kind, Record
from stemma.versions.history.sizes import Added

_NAMES = 3  # in a line; JSON has all
_TONES = {"better": "green", "worse": "red"}


@dataclasses.dataclass(frozen=True)
class Line:
    """What is told of a version.

    Attributes:
        refs: tags, branches and experiments that it is the version of.
        changed: what it was made of that its first parent was not, by kind.
        outputs: those that the first parent had otherwise.
        added: bytes of its outputs that no parent has.
        base: commit whose weights it started from; empty if from none of this repository.
        tainted: why it is tainted by revoked records; empty if it is not.
        headline: its figure.
    """

    record: Record
    refs: tuple[str, ...]
    changed: Mapping[Kind, list[str]]
    outputs: tuple[str, ...]
    added: Added
    base: str
    tainted: str
    headline: Headline


def drawn(line: Line, graph: bool) -> list[Text]:
    """Return the lines of the graph above a version, and its own; without them if not wanted."""
    record = line.record
    text = Text(f"{record.graph[-1]} " if graph else "")
    text.append(record.commit[:7], "yellow")
    text.append(f" {record.date} ")
    if line.headline.value is not None:
        text.append(f"{written(line.headline.value)} ")
        text.append(
            f"{_signed(line.headline.difference):8} ", _TONES.get(line.headline.tone, "dim")
        )
    text.append(f"{_size(line.added):>8} ", "dim")
    text.append(f"<- {line.base[:7]} " if line.base else "", "yellow")
    text.append("of other weights " if line.record.figures_match is False else "", "bold red")
    text.append("tainted " if line.tainted else "", "bold red")
    # Before the names: those of branches on a remote would leave no room for it.
    text.append(f"{_told(line.changed)} " if line.changed else "")
    if line.refs:
        more = f", +{len(line.refs) - _NAMES}" if len(line.refs) > _NAMES else ""
        text.append(f"({', '.join(line.refs[:_NAMES])}{more}) ", "bold cyan")
    text.append(f"{record.author}: {record.subject}", "dim")
    return [*(Text(edge) for edge in record.graph[:-1] if graph), text]


def _signed(difference: float | None) -> str:
    told = "" if difference is None else signed(difference)
    return "=" if told and not told.strip("+0.") else told


def _told(changed: Mapping[Kind, list[str]]) -> str:
    parts = []
    for kind, paths in changed.items():
        # One setting says more than that there was one.
        parts.append(paths[0] if kind == "settings" and len(paths) == 1 else kind)
    return f"[{', '.join(parts)}]"


def _size(added: Added) -> str:
    return f"{'+' if added.exact else '≤'}{decimal(added.size)}" if added.size else ""


def facts(line: Line, base_refs: Sequence[str]) -> dict[str, Any]:
    """Return all that is told of a version, as `--json` has it; ``base_refs`` name its base."""
    record = line.record
    return {
        "commit": record.commit,
        "parents": list(record.parents),
        "refs": list(line.refs),
        "date": record.date,
        "author": record.author,
        "subject": record.subject,
        "changed": line.changed,
        "bytes_added": line.added.size,
        "bytes_added_exact": line.added.exact,
        "base": {"commit": line.base, "refs": list(base_refs)} if line.base else None,
        "tainted": line.tainted or None,
        "metrics_match": record.figures_match,
        "metric": line.headline.name,
        "value": line.headline.value,
        "difference": line.headline.difference,
        "significant": line.headline.tone or None,
        "metrics": figures(dict(record.metrics)),
    }
