"""Download a wheel from PyPI with pip, and check it; it is not installed."""

import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from stemma.errors import SourceError
from stemma.files import sha256_of


@contextlib.contextmanager
def downloaded(package: str, version: str, sha256: str, section: str) -> Iterator[Path]:
    """Yield the wheel, which is deleted at the end of the block.

    Args:
        package: name on PyPI.
        version: the exact version.
        sha256: of the wheel.
        section: of the settings that hold these, for messages.

    Raises:
        SourceError: pip cannot download the wheel, or it is not the one whose sha256 is set.
    """
    with tempfile.TemporaryDirectory() as folder:
        wheel = _download(f"{package}=={version}", Path(folder), section)
        check(wheel, sha256, f"{section}.sha256")
        yield wheel


def check(file: Path, expected: str, key: str) -> None:
    """Refuse a file whose sha256 is not the one that is set under ``key``.

    Raises:
        SourceError: it has another.
    """
    found = sha256_of(file)
    if found != expected:
        raise SourceError(
            f"{file.name} has sha256 {found}, not {expected}",
            f"this is not the file that {key} in conf/ names; do not trust it",
        )


def _download(requirement: str, folder: Path, section: str) -> Path:
    options = ["--quiet", "--no-deps", "--only-binary=:all:", "--disable-pip-version-check"]
    command = [sys.executable, "-m", "pip", "download", *options]
    done = subprocess.run(
        [*command, "--dest", str(folder), requirement],
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    wheels = list(folder.glob("*.whl"))
    if done.returncode or len(wheels) != 1:
        said = done.stderr.strip().splitlines() or ["no wheel came"]
        raise SourceError(
            f"pip cannot download {requirement}: {said[-1]}",
            f"check the network and pip's index, or choose another {section} in conf/",
        )
    return wheels[0]
