"""Line endings, which Git may rewrite at a checkout, and DVC hashes as they come."""

import itertools
from collections.abc import Container, Iterator, Sequence
from pathlib import Path

from stemma.hashes import files_of, hashes_of, md5_of, name_of
from stemma.store.lock import Stage

_LOOKED_AT = 8000  # bytes in which Git looks for a zero, to tell text from the rest


def restore(tree: Path, stages: Sequence[Stage]) -> list[str]:
    """Rewrite files of a checkout with the line endings that they had when dvc.lock was written.

    Args:
        tree: a checkout, which is written to.
        stages: those of its dvc.lock whose inputs and outputs are to be restored.

    Returns:
        The inputs and outputs that were rewritten.
    """
    named: dict[str, set[str]] = {}
    for entry in (entry for stage in stages for entry in (*stage.deps, *stage.outs)):
        named.setdefault(entry.path, set()).add(entry.md5)
    there = {path: names for path, names in sorted(named.items()) if (tree / path).exists()}
    return [
        path
        for path, names in there.items()
        if name_of(hashes_of(tree / path)) not in names and _rewrite(tree / path, names)
    ]


def explain(path: Path, md5: str) -> bool:
    """Return whether an input or output has this MD5 once its line endings are changed."""
    return any(_name_of(files) == md5 for files in _forms(path))


def with_lf(content: bytes) -> bytes:
    """Return a text with a line feed at the end of each line; other content stays as it is."""
    return content.replace(b"\r\n", b"\n") if _is_text(content) else content


def with_crlf(content: bytes) -> bytes:
    """Return a text with CR and LF at the end of each line; other content stays as it is."""
    return with_lf(content).replace(b"\n", b"\r\n") if _is_text(content) else content


def same_but_for_them(one: Path, other: Path) -> bool:
    """Return whether two files that are not the same differ in nothing but line endings."""
    with one.open("rb") as ours, other.open("rb") as theirs:
        for file in (ours, theirs):
            if not _is_text(file.read(_LOOKED_AT)):
                return False
            file.seek(0)
        lines = itertools.zip_longest(ours, theirs, fillvalue=b"\0")
        return all(with_lf(one) == with_lf(other) for one, other in lines)


def _rewrite(path: Path, names: Container[str]) -> bool:
    for files in _forms(path):
        if _name_of(files) in names:
            for name, content in files.items():
                (path / name).write_bytes(content)
            return True
    return False


def _forms(path: Path) -> Iterator[dict[str, bytes]]:
    for form in (with_lf, with_crlf):
        yield {name: form(file.read_bytes()) for name, file in files_of(path).items()}


def _name_of(files: dict[str, bytes]) -> str:
    return name_of({name: md5_of(content) for name, content in files.items()})


def _is_text(content: bytes) -> bool:
    return b"\0" not in content[:_LOOKED_AT]
