"""A page as one HTML file that needs nothing else: no script, no network."""

from collections.abc import Iterator
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from stemma.pages import colours
from stemma.pages.blocks import Heatmap
from stemma.pages.numbers import brief
from stemma.pages.page import ComparisonPage

_TEMPLATE = Path(__file__).with_name("page.html.j2")


def html(page: ComparisonPage) -> str:
    """Return a page as HTML."""
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    template = environment.from_string(_TEMPLATE.read_text(encoding="utf-8"))
    return template.render(
        page=page,
        light=colours.LIGHT,
        dark=colours.DARK,
        rows_of=_rows,
        legend_of=lambda heatmap: [(f"{one:.3f}", brief(value)) for one, value in heatmap.legend()],
        brief=brief,
        zip=zip,
        kind_of=lambda block: type(block).__name__,
    )


def _rows(heatmap: Heatmap) -> Iterator[tuple[str, list[str], list[str]]]:
    for name, texts, shades in zip(heatmap.rows, heatmap.texts(), heatmap.shades(), strict=True):
        yield name, [f"{shade:.3f}" for shade in shades], texts
