"""How the gates' outcomes are shown: a line for each, as soon as it is known."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stemma.registry.case import Outcome

_WIDTH = 16  # of the longest name of a gate, and a space


def shown() -> "Callable[[Outcome], None]":
    """Return what prints an outcome."""
    from rich.table import Table
    from rich.text import Text

    from stemma.pages.printing import console

    screen = console()

    def show(outcome: "Outcome") -> None:
        table = Table.grid(padding=(0, 1))
        table.add_column(width=7)
        table.add_column(width=_WIDTH)
        table.add_column(overflow="fold")
        state = Text("passed", "good") if outcome.passed else Text("REFUSED", "alarm")
        table.add_row(state, outcome.gate, outcome.evidence)
        screen.print(table)

    return show


def refused(outcomes: "Iterable[Outcome]") -> str:
    """Return the names of the gates that refuse, in a row."""
    return ", ".join(one.gate for one in outcomes if not one.passed)
