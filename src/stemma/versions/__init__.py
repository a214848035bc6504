"""Reads versions, any of them, from Git and the DVC cache: each verb as a function.

>>> from stemma import versions
>>> [version.commit for version in versions.log("v1..main").versions]

Each function works in the current folder, which must be the top of a project, as the command of the
same name does; it returns as data what the command prints. A function's module is imported when the
function is first asked for, so importing this package costs nothing.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stemma.versions.verbs.bisect import bisect
    from stemma.versions.verbs.diff import diff
    from stemma.versions.verbs.forget import forget
    from stemma.versions.verbs.fsck import fsck
    from stemma.versions.verbs.gc import gc
    from stemma.versions.verbs.log import log
    from stemma.versions.verbs.show import show
    from stemma.versions.verbs.status import status
    from stemma.versions.verbs.trace import trace
    from stemma.versions.verbs.verify import verify

__all__ = [
    "bisect",
    "diff",
    "forget",
    "fsck",
    "gc",
    "log",
    "show",
    "status",
    "trace",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.verbs.{name}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
