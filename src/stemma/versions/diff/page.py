"""A diff as one HTML file that needs nothing else: no script, no network."""

from collections.abc import Iterator
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from stemma.versions.diff.report import Report
from stemma.versions.diff.section import Heatmap

_TEMPLATE = Path(__file__).with_name("page.html.j2")


def html(report: Report) -> str:
    """Return the page."""
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    template = environment.from_string(_TEMPLATE.read_text(encoding="utf-8"))
    return template.render(
        report=report, rows_of=_rows, zip=zip, kind_of=lambda block: type(block).__name__
    )


def _rows(heatmap: Heatmap) -> Iterator[tuple[str, list[str], list[str]]]:
    largest = max((value or 0 for row in heatmap.values for value in row), default=0) or 1
    for name, values in zip(heatmap.rows, heatmap.values, strict=True):
        # The square root tells small changes apart that a single large one would hide.
        shares = [f"{((value or 0) / largest) ** 0.5:.3f}" for value in values]
        yield name, shares, ["" if value is None else f"{value:.2g}" for value in values]
