"""The files below data/input, as DVC sees them.

DVC follows links to files (where ``cache.type`` says so it puts them there itself), but looks
neither behind a link to a folder nor into a DVC project of its own: a change there would leave a
stale version that claims to be fresh. So what is behind one is refused, not silently left out.
"""

import os
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from stemma.errors import SourceError
from stemma.layout import INPUT


def below(name: str, key: str, otherwise: str) -> Path:
    """Return the path that a setting names, relative to the project's root.

    Args:
        name: the path.
        key: of the setting, for the message.
        otherwise: what to do instead, for the message.

    Raises:
        SourceError: the path is not below data/input as it is written, or DVC does not see what is
            there.
    """
    path = Path(os.path.relpath(name))
    if not path.is_relative_to(INPUT):
        raise SourceError(f"{key} is {name}, which is not below {INPUT}", otherwise)
    for folder in (path, *path.parents):
        if folder == INPUT:
            break
        _refuse_unseen(folder)
    return path


def files(folder: Path) -> list[Path]:
    """Return the files below a folder, sorted by their paths; hidden ones are left out.

    Raises:
        SourceError: names something that DVC does not see, or that is neither file nor folder.
        OSError: a folder cannot be read.
    """
    return sorted(_walk(folder), key=Path.as_posix)


def _walk(top: Path) -> Iterator[Path]:
    for root, folders, names in os.walk(top, onerror=_raise):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in folders:
            _refuse_unseen(Path(root, name))
        for path in (Path(root, name) for name in sorted(names) if not name.startswith(".")):
            if not path.is_file():
                what = "a link to nothing" if path.is_symlink() else "neither a file nor a folder"
                raise SourceError(f"{path} is {what}", "mend or remove it")
            yield path


def _refuse_unseen(folder: Path) -> None:
    if folder.is_symlink() and folder.is_dir():
        link, target = shlex.quote(str(folder)), shlex.quote(str(folder.resolve()))
        raise SourceError(
            f"{folder} is a link to a folder, and DVC sees no change behind one",
            f"put links to its files there: `rm {link} && cp -rs {target} {link}`",
        )
    if (folder / ".dvc").is_dir():
        raise SourceError(
            f"{folder} is a DVC project of its own, and DVC sees no change inside one",
            f"move it elsewhere, and `dvc import` from it into {INPUT}",
        )


def _raise(error: OSError) -> NoReturn:
    raise error
