"""Names versions: registers them, judges and promotes them, rolls back and recalls.

>>> from stemma import registry
>>> [one.name for one in registry.versions().versions]

Each function works in the current folder, as the command of the same name does, and returns as data
what the command prints. A function's module is imported when the function is first asked for.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stemma.registry.verbs.approve import approve
    from stemma.registry.verbs.attest import attest
    from stemma.registry.verbs.fetch import fetch
    from stemma.registry.verbs.gates import gates
    from stemma.registry.verbs.history import history
    from stemma.registry.verbs.promote import promote
    from stemma.registry.verbs.recall import recall
    from stemma.registry.verbs.register import register
    from stemma.registry.verbs.rollback import rollback
    from stemma.registry.verbs.sign import sign
    from stemma.registry.verbs.versions import versions

__all__ = [
    "approve",
    "attest",
    "fetch",
    "gates",
    "history",
    "promote",
    "recall",
    "register",
    "rollback",
    "sign",
    "versions",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.verbs.{name}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
