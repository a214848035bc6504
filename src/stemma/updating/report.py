"""What an update did, in Markdown: for a pull request, or for whoever decides."""

from __future__ import annotations

from collections import Counter

from stemma.updating.update import Update
from stemma.versions.contents.metrics import metric

_OF = {"own": "documents of the project", "production": "documents of production"}


def differences(done: Update) -> list[str]:
    """Return a line for each metric: on which documents, from what to what, with its interval."""
    return [
        f"{metric(one.metric).label} on {one.count} {_OF[one.documents]}: "
        f"{one.difference.a:.4g} -> {one.difference.b:.4g} "
        f"({one.difference.low:+.3g} to {one.difference.high:+.3g})"
        for one in done.compared
        if not metric(one.metric).by_token
    ]


def markdown(done: Update) -> str:
    """Return the report."""
    chosen = done.selection
    lines = [
        f"# Update of {done.incumbent} on {done.stage}",
        "",
        _verdict(done),
        "",
        "## Learnt from",
        "",
    ]
    kinds = Counter(one.kind for one in chosen.lessons)
    lines += _table(("what", "documents"), [(kind, str(n)) for kind, n in kinds.most_common()])
    lines += ["", f"{chosen.requests} of {chosen.asked} requests; the others were left out:", ""]
    lines += _table(("why", "requests"), [(why, str(n)) for why, n in chosen.left_out.items()])
    if done.compared:
        lines += ["", "## Both versions on the same held-out documents", ""]
        lines += [f"- {line}" for line in differences(done)]
    if done.gates:
        lines += ["", "## Gates", ""]
        rows = [
            ("passed" if one.passed else "**refused**", one.gate, one.evidence)
            for one in done.gates
        ]
        lines += _table(("", "gate", "evidence"), rows)
    return "\n".join(lines) + "\n"


def _verdict(done: Update) -> str:
    if done.branch is None:
        return "There was too little to learn from: no candidate was made."
    made = f"Candidate `{done.branch}` at `{(done.commit or '')[:10]}`"
    if done.version is None:
        refused = ", ".join(one.gate for one in done.gates if not one.passed)
        return f"{made} is **refused** by {refused}; {done.incumbent} stays."
    stages = [one.stage for one in done.decisions if one.allowed]
    where = f", and stands on {' and '.join(stages)}" if stages else ""
    return f"{made} is registered as **{done.version}**{where}."


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    body = (" | ".join(cell.replace("|", "\\|") for cell in row) for row in rows)
    return [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}", *(f"| {row} |" for row in body)]
