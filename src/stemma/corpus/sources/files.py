"""The user's own files as streams: below data/input, or at a URL."""

import hashlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path, PurePath

from stemma import lfs
from stemma.corpus import inputs
from stemma.corpus.documents import Document
from stemma.corpus.sources import remote
from stemma.corpus.sources.digest import digested
from stemma.corpus.sources.formats import File, guarded, read_jsonl, read_parquet, read_text
from stemma.corpus.sources.origin import Origin
from stemma.corpus.sources.rows import RowReader
from stemma.corpus.sources.settings import FilesSettings
from stemma.errors import SourceError
from stemma.files import sha256_of
from stemma.layout import INPUT

Format = Callable[[File, RowReader], Iterator[Document]]

FORMATS: dict[str, Format] = {
    ".txt": read_text,
    ".md": read_text,
    ".jsonl": partial(read_jsonl, packing=None),
    ".jsonl.gz": partial(read_jsonl, packing="gzip"),
    ".jsonl.zst": partial(read_jsonl, packing="zstd"),
    ".parquet": read_parquet,
}
_GUIDE = PurePath("README.md")
PRODUCTION = "production"
"""The folder below data/input that only patterns mean that begin with it."""


def parts(settings: FilesSettings) -> Iterator[Origin]:
    """Yield one origin per file, in the order of their paths; those at a URL come last.

    Of a file at a URL the sha256 runs over what was read of it, since of a Parquet file that is not
    the whole; its version is the ETag.

    Raises:
        SourceError: a pattern leaves data/input or matches nothing, DVC does not see what is there,
            or a file cannot be read.
    """
    far = [pattern for pattern in settings.patterns if remote.is_url(pattern)]
    near = [pattern for pattern in settings.patterns if pattern not in far]
    for path in _find(near) if near else []:
        name = path.relative_to(INPUT).as_posix()
        yield Origin(
            name=name,
            origin=path.as_posix(),
            version="",
            license=settings.license,
            documents=guarded(path, _read_whole(path, name, settings)),
            sha256=partial(sha256_of, path),
        )
    found = {file.url: file for pattern in far for file in remote.find(pattern)}
    for _, file in sorted(found.items()):
        yield _remote(file, settings)


def _remote(file: remote.RemoteFile, settings: FilesSettings) -> Origin:
    digest = hashlib.sha256()

    def sha256() -> str:
        file.refuse_change()
        return digest.hexdigest()

    return Origin(
        name=file.name,
        origin=file.url,
        version=file.identity,
        license=settings.license,
        documents=digested(guarded(file, _read(file, file.name, settings)), digest),
        sha256=sha256,
    )


def _read_whole(path: Path, name: str, settings: FilesSettings) -> Iterator[Document]:
    lfs.refuse_file(path, SourceError)
    yield from _read(path, name, settings)


def _read(file: File, name: str, settings: FilesSettings) -> Iterator[Document]:
    reader = RowReader(
        settings.columns,
        name,
        settings.license,
        settings.max_document_bytes,
        settings.ignored_keys,
    )
    return _format(file)(file, reader)


def _find(patterns: list[str]) -> list[Path]:
    there = inputs.files(INPUT)
    wanted = {path for pattern in patterns for path in _match(pattern)}
    return [path for path in there if path in wanted]


def _match(pattern: str) -> list[Path]:
    path = PurePath(pattern)
    if not pattern or path.is_absolute() or ".." in path.parts:
        raise SourceError(
            f"source.patterns: {pattern!r} leaves {INPUT}, and DVC would not see changes there",
            f"put the files below {INPUT} (or `dvc import` them there)",
        )
    try:
        found = [
            path
            for path in INPUT.glob(pattern)
            if path.is_file() and not _ignored(path) and _meant(path, pattern)
        ]
    except (ValueError, IndexError) as error:  # the latter for ".", until Python 3.12
        raise SourceError(
            f"source.patterns: {pattern!r} is no glob: {error}",
            "`**/*.txt` finds the .txt files of every folder",
        ) from error
    if not found:
        raise SourceError(
            f"source.patterns: {pattern!r} matches no file below {INPUT}",
            "patterns are relative to that folder; put files there or mend the pattern",
        )
    return found


def _ignored(path: Path) -> bool:
    # DVC leaves .dvc and .gitignore files beside what it tracks.
    relative = path.relative_to(INPUT)
    hidden = any(part.startswith(".") for part in relative.parts)
    return hidden or path.suffix == ".dvc" or relative == _GUIDE


def _meant(path: Path, pattern: str) -> bool:
    # What `stemma update` puts there has columns of its own: `**/*` does not mean it.
    first = path.relative_to(INPUT).parts[0]
    return first != PRODUCTION or PurePath(pattern).parts[0] == PRODUCTION


def _format(path: File) -> Format:
    suffixes = PurePath(str(path)).suffixes
    # `a.b.jsonl.gz` has three suffixes; the longest ending that is known wins.
    for start in range(len(suffixes)):
        found = FORMATS.get("".join(suffixes[start:]).lower())
        if found:
            return found
    known = " ".join(FORMATS)
    raise SourceError(f"{path} is of no known format", f"known are {known}; mend source.patterns")
