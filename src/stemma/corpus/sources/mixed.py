"""Several sources, one after the other."""

from collections.abc import Iterator

from stemma.corpus import sources
from stemma.corpus.sources.origin import Origin
from stemma.corpus.sources.settings import MixedSettings


def parts(settings: MixedSettings) -> Iterator[Origin]:
    """Yield the origins of each part, in the order of the settings.

    Raises:
        SourceError: a source cannot be reached or read.
    """
    for part in settings.parts.values():
        yield from sources.parts(part)
