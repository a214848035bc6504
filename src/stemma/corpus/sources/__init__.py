"""Where raw documents come from: one module per kind of source."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stemma.corpus.sources.origin import Origin
    from stemma.corpus.sources.settings import SourceSettings


def parts(settings: "SourceSettings") -> Iterator["Origin"]:
    """Yield the origins of a source, whatever its kind.

    Raises:
        SourceError: the source cannot be reached or read.
    """
    # Imported late: Hydra's plugin imports this package for its settings at each composition.
    if settings.kind == "shakespeare":
        from stemma.corpus.sources import shakespeare

        return shakespeare.parts(settings)
    if settings.kind == "chatterbot":
        from stemma.corpus.sources import chatterbot

        return chatterbot.parts(settings)
    if settings.kind == "files":
        from stemma.corpus.sources import files

        return files.parts(settings)
    from stemma.corpus.sources import hub

    return hub.parts(settings)
