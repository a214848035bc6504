"""Writing so that a kill at any moment leaves the old content or the new, never half of one."""

import contextlib
import hashlib
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

_NO_PROGRAM = 0o666


@contextlib.contextmanager
def atomic_file(path: Path, mode: str = "wb") -> Iterator[IO[Any]]:
    """Open a temporary sibling that replaces ``path`` when the block ends well.

    Raises:
        OSError: the disk is full or the folder cannot be written; ``path`` is as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _sweep(path)
    encoding = None if "b" in mode else "utf-8"
    with _temporary_sibling(path) as temporary:
        with temporary.open(mode, encoding=encoding) as handle:
            yield handle
            handle.flush()
            os.fsync(handle.fileno())
        temporary.replace(path)


@contextlib.contextmanager
def atomic_directory(path: Path) -> Iterator[Path]:
    """Yield an empty temporary sibling that replaces the folder ``path`` when the block ends well.

    What the block has put there then has the modes that the umask gives.

    Raises:
        OSError: the disk is full or the folder cannot be written; ``path`` is as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _sweep(path)
    with _temporary_sibling(path) as temporary:
        temporary.mkdir()
        yield temporary
        _settle(temporary)
        _swap(temporary, path)


def write_json(path: Path, value: object) -> None:
    """Write ``value`` as indented JSON with sorted keys and a final newline, atomically."""
    with atomic_file(path, "w") as handle:
        handle.write(json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def sha256_of(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file, read in bounded memory."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


@contextlib.contextmanager
def _temporary_sibling(path: Path) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".partial", dir=path.parent))
    try:
        yield folder / path.name
    except OSError as error:
        # Libraries that write through handles do not say where; the user thinks of the final place.
        error.filename = error.filename or str(path)
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _swap(new: Path, path: Path) -> None:
    # The old folder is parked beside the new one, so that the sweep of the temporary takes it too.
    if path.exists():
        path.replace(new.with_name("previous"))
    new.replace(path)


def _sweep(path: Path) -> None:
    for left_over in path.parent.glob(f".{path.name}.*.partial"):
        previous = left_over / "previous"
        if previous.exists() and not path.exists():
            previous.replace(path)
        shutil.rmtree(left_over, ignore_errors=True)


def _settle(folder: Path) -> None:
    # safetensors and others make their files for their owner alone. The folder was made under the
    # umask, which nothing can ask for without setting it.
    mode = stat.S_IMODE(folder.stat().st_mode)
    for path in folder.rglob("*"):
        path.chmod(mode if path.is_dir() else mode & _NO_PROGRAM)
        if path.is_file():
            with path.open("rb") as handle:
                os.fsync(handle.fileno())
