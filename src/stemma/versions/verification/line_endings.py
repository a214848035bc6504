"""Line endings, which Git may rewrite at a checkout, and DVC hashes as they come."""

import hashlib
from collections.abc import Container, Iterator, Sequence
from pathlib import Path

from stemma.files import atomic_file
from stemma.hashes import files_of, hashes_of, md5_of, name_of
from stemma.store.lock import Stage

LF, CRLF = b"\n", b"\r\n"
_CHUNK = 2**20
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
    return any(name == md5 for _, name in _forms(path))


def same_but_for_them(one: Path, other: Path) -> bool:
    """Return whether two files that are not the same differ in nothing but line endings."""
    texts = _is_text(one) and _is_text(other)
    return texts and _md5_with(LF, one) == _md5_with(LF, other)


def with_endings(end: bytes, text: Path) -> Iterator[bytes]:
    """Yield a text with LF or CRLF at the end of each line, in chunks: it may be of any size."""
    with text.open("rb") as handle:
        kept = b""
        while chunk := handle.read(_CHUNK):
            chunk = kept + chunk
            # What it ends with may be the half of a line ending.
            kept = b"\r" if chunk.endswith(b"\r") else b""
            yield chunk.removesuffix(kept).replace(CRLF, LF).replace(LF, end)
        yield kept


def _rewrite(path: Path, names: Container[str]) -> bool:
    for end, name in _forms(path):
        if name in names:
            for file in filter(_is_text, files_of(path).values()):
                mode = file.stat().st_mode
                with atomic_file(file) as handle:
                    handle.writelines(with_endings(end, file))
                file.chmod(mode)
            return True
    return False


def _forms(path: Path) -> Iterator[tuple[bytes, str]]:
    """Yield line endings, and the name of an output whose texts have them."""
    files = files_of(path)
    texts = {name: file for name, file in files.items() if _is_text(file)}
    if not texts:
        return
    rest = {name: md5_of(file) for name, file in files.items() if name not in texts}
    for end in (LF, CRLF):
        yield end, name_of(rest | {name: _md5_with(end, file) for name, file in texts.items()})


def _md5_with(end: bytes, text: Path) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    for chunk in with_endings(end, text):
        digest.update(chunk)
    return digest.hexdigest()


def _is_text(file: Path) -> bool:
    with file.open("rb") as handle:
        return b"\0" not in handle.read(_LOOKED_AT)
