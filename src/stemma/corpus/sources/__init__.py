"""Where raw documents come from: one module per kind of source.

A module has ``parts``, as below; one of a project's own (`stemma.own`) also has ``Settings``, whose
``kind`` names it.
"""

from collections.abc import Iterator
from importlib import import_module
from typing import TYPE_CHECKING

from stemma import own

if TYPE_CHECKING:
    from stemma.corpus.sources.origin import Origin
    from stemma.corpus.sources.settings import SourceSettings


def parts(settings: "SourceSettings") -> Iterator["Origin"]:
    """Yield the origins of a source, whatever its kind.

    Raises:
        SourceError: the source cannot be reached or read.
    """
    # By its name, so that a version depends on the chosen kind alone (`stemma.closure`).
    return import_module(own.module_of(__name__, settings.kind)).parts(settings)
