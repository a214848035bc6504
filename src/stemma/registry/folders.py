"""The files of a registered model as a folder, which loaders and signers want."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from stemma.store.errors import MissingError
from stemma.store.version import Version


@contextlib.contextmanager
def as_folder(version: Version, output: str, root: Path) -> Iterator[Path]:
    """Give a temporary folder with the files of an output, fetched where they are not at hand.

    They are hard links to the objects of the cache where that is possible: do not write to them.

    Raises:
        MissingError: the version has no such output, or its bytes are nowhere.
    """
    files = version.files(output)
    if not files:
        raise MissingError(f"{version.name} has no {output}", "`dvc repro` makes it")
    # Beside the cache, so that links need not cross from one disk to another.
    place = root / ".dvc/tmp"
    place.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place) as temporary:
        folder = Path(temporary) / Path(output).name
        for path in files:
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            source = version.path(output, path)
            try:
                os.link(source, target)
            except OSError:
                shutil.copyfile(source, target)
        yield folder
