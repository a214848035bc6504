"""The one console of all verbs, on which users' texts are no markup, and the one form of JSON."""

import json
import math
from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from stemma.streams import visible


class _Console(Console):
    """Shows texts as they are: no markup, no `:names:` of pictures, no escape sequences."""

    def __init__(self) -> None:
        super().__init__(highlight=False, markup=False, emoji=False)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Yield what is printed, the own control codes of rich apart."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=visible(segment.text))


def console() -> Console:
    """Return a console for what is printed next; users' texts may go into any part of it."""
    return _Console()


def print_json(value: Any) -> None:
    """Print a value as JSON that every parser takes.

    A number that is not finite is null; half of a character, as in a name that is no UTF-8, is "?".
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
