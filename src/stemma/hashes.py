"""What DVC calls what it keeps: a file by its MD5, a folder by that of the listing of its files."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from stemma.layout import OBSERVED

DIR = ".dir"


def name_of(files: Mapping[str, str]) -> str:
    """Return the name of an output's object: of a folder, the hash of its listing as DVC writes it.

    Args:
        files: the MD5 of each file by its path in the output; "" if it is a file.
    """
    if "" in files:
        return files[""]
    listing = [{"md5": files[path], "relpath": path} for path in sorted(files)]
    return f"{md5_of(json.dumps(listing).encode())}{DIR}"


def hashes_of(path: Path) -> dict[str, str]:
    """Return the MD5 of each file of an output by its path in it; "" if it is a file."""
    return {name: md5_of(file) for name, file in files_of(path).items()}


def files_of(path: Path) -> dict[str, Path]:
    """Return the files of an output by their path in it, sorted; "" if it is a file."""
    if path.is_file():
        return {"": path}
    # What a model was made on is no part of the version.
    return {
        file.relative_to(path).as_posix(): file
        for file in sorted(path.rglob("*"))
        if file.is_file() and file.name != OBSERVED
    }


def md5_of(content: Path | bytes) -> str:
    """Return the MD5 of a file, which is read in bounded memory, or of bytes."""
    if isinstance(content, bytes):
        return hashlib.md5(content, usedforsecurity=False).hexdigest()
    with content.open("rb") as handle:
        return hashlib.file_digest(handle, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
