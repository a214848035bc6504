"""The console and the JSON of all verbs. Users' texts are shown as they are, never as markup."""

import json
import math
from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.theme import Theme

from stemma.pages.colours import THEME
from stemma.streams import visible


class _Console(Console):
    """Shows texts as they are: no markup, no `:emoji:`, no escape sequences."""

    def __init__(self) -> None:
        super().__init__(highlight=False, markup=False, emoji=False, theme=Theme(THEME))

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Yield what is printed, with control characters shown; rich's own control codes pass."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=visible(segment.text))


def console() -> Console:
    """Return a new console; users' texts may be part of anything that is printed on it."""
    return _Console()


def print_json(value: Any) -> None:
    """Print a value as strict JSON, which every parser reads.

    A number that is not finite becomes null, and what is no UTF-8 in a file's name becomes "?".
    """
    print(json.dumps(_strict(value), indent=2, allow_nan=False))


def _strict(value: Any) -> Any:
    if isinstance(value, dict):
        return {_strict(key): _strict(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_strict(inner) for inner in value]
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    return None if isinstance(value, float) and not math.isfinite(value) else value
