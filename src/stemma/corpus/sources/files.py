"""The user's own files below data/input, as streams."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path, PurePath

from stemma.corpus import inputs
from stemma.corpus.documents import Document
from stemma.corpus.sources.formats import guarded, read_jsonl, read_parquet, read_text
from stemma.corpus.sources.origin import Origin
from stemma.corpus.sources.rows import RowReader
from stemma.corpus.sources.settings import FilesSettings
from stemma.errors import SourceError
from stemma.files import sha256_of
from stemma.layout import INPUT

Format = Callable[[Path, RowReader], Iterator[Document]]

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
    """Yield one origin per file, in the order of their paths.

    Raises:
        SourceError: a pattern leaves data/input or matches nothing, DVC does not see what is there,
            or a file cannot be read.
    """
    for path in _find(settings.patterns):
        name = path.relative_to(INPUT).as_posix()
        reader = RowReader(
            settings.columns,
            name,
            settings.license,
            settings.max_document_bytes,
            settings.ignored_keys,
        )
        yield Origin(
            name=name,
            origin=path.as_posix(),
            version="",
            license=settings.license,
            documents=guarded(path, _format(path)(path, reader)),
            sha256=partial(sha256_of, path),
        )


def _find(patterns: tuple[str, ...]) -> list[Path]:
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


def _format(path: Path) -> Format:
    suffixes = path.suffixes
    # `a.b.jsonl.gz` has three suffixes; the longest ending that is known wins.
    for start in range(len(suffixes)):
        found = FORMATS.get("".join(suffixes[start:]).lower())
        if found:
            return found
    known = " ".join(FORMATS)
    raise SourceError(f"{path} is of no known format", f"known are {known}; mend source.patterns")
