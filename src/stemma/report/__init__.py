"""What a training script of one's own calls, so that Stemma can read what it made.

It needs no torch: ``from stemma import report`` imports the callback for transformers' Trainer when
it is asked for. docs/report.md shows each of them in a script.
"""

from typing import TYPE_CHECKING, Any

from stemma.report.documents import manifest
from stemma.report.results import examples

if TYPE_CHECKING:
    from stemma.report.callback import StemmaCallback

__all__ = ["StemmaCallback", "examples", "manifest"]


def __getattr__(name: str) -> Any:
    if name == "StemmaCallback":
        from stemma.report.callback import StemmaCallback

        return StemmaCallback
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
