"""Files at a URL, read as streams and never copied: S3, Google Cloud Storage, Azure, HTTP, the Hub.

A change there is seen by DVC, of which the URL is an external dependency, or cannot be, since it
names a commit of the Hub. What is neither is refused, as it is below data/input.
"""

import contextlib
import dataclasses
import io
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from stemma import pipeline, storage
from stemma.errors import SourceError

SCHEMES = ("s3", "gs", "az", "http", "https", "hf")
_WATCHED_AS = {"azure": "az", "gcs": "gs"}
"""How else DVC or others call them."""
_IDENTITIES = ("ETag", "etag", "md5Hash", "Content-MD5", "blob_id")
"""By which servers tell two contents of one name apart, in the words of fsspec's file systems."""
_LATER = "try again later"
_BLOCK = 2**22  # bytes that are read ahead
_MAGIC = re.compile(r"[*\[]")
_REVISION = re.compile(r"@[0-9a-f]{40}/")


@dataclasses.dataclass(frozen=True)
class Stat:
    """What is asked of a file before it is read."""

    st_size: int


class RemoteFile:
    """An object of a store, to be opened as a path is.

    Args:
        url: of it.
        files: fsspec's file system.
        info: what that says of it.

    Attributes:
        url: of it.
        name: bucket and key.
        identity: the ETag or whatever the server has in its place.
    """

    def __init__(self, url: str, files: Any, info: dict[str, Any]) -> None:
        self.url, self._files, self._info = url, files, info
        self.name = url.partition("://")[2]
        self.identity = _identity(info)

    def __str__(self) -> str:
        return self.url

    def stat(self) -> Stat:
        """Return its size."""
        return Stat(int(self._info.get("size") or 0))

    def open(self, mode: str = "rb") -> io.BufferedReader:
        """Open it to be read in pieces; whatever fails raises SourceError."""
        path = self._info["name"]
        with _answering(self.url, self._files, path):
            stream = self._files.open(path, mode, block_size=_BLOCK, cache_type="readahead")
        return io.BufferedReader(_Stream(stream, self.url), _BLOCK)

    def refuse_change(self) -> None:
        """Raise SourceError if it is another than when it was found."""
        path = self._info["name"]
        with _answering(self.url, self._files, path):
            self._files.invalidate_cache()
            now = _identity(self._files.info(path))
        if now != self.identity:
            raise SourceError(
                f"{self.url} changed while it was read: {self.identity} is now {now}",
                "run it again when nobody writes there",
            )


class _Stream(io.RawIOBase):
    """fsspec's stream, whose errors are ours: readers of formats take others for torn files."""

    def __init__(self, stream: Any, url: str) -> None:
        self._stream, self._url = stream, url

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self._stream.seekable()

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()

    def readinto(self, buffer: Any) -> int:
        with _answering(self._url):
            content = self._stream.read(len(buffer))
        buffer[: len(content)] = content
        return len(content)

    def close(self) -> None:
        self._stream.close()
        super().close()


def is_url(pattern: str) -> bool:
    """Say whether a pattern means files at a URL."""
    return "://" in pattern


def find(pattern: str) -> list[RemoteFile]:
    """Return the files that a URL means, which may have ``*`` and ``**`` in its path, sorted.

    Raises:
        SourceError: DVC would not see a change there, it holds credentials, matches nothing or
            cannot be listed; or a package is missing.
    """
    _refuse_credentials(pattern)
    scheme = pattern.partition("://")[0]
    if scheme not in SCHEMES:
        raise SourceError(
            f"source.patterns: {pattern!r} begins with {scheme}://",
            f"known are {' '.join(f'{one}://' for one in SCHEMES)} and paths below data/input",
        )
    _refuse_unseen(pattern)
    files, path = _open(pattern)
    with _answering(pattern, files, _fixed(path)):
        files.invalidate_cache()
        infos = list(_infos(files, path))
    if not infos:
        raise SourceError(
            f"source.patterns: {pattern!r} matches no file",
            "mend the pattern; `URL/**` means all files of a folder",
        )
    urls = {_url(scheme, info["name"]): info for info in infos}
    return [RemoteFile(url, files, info) for url, info in sorted(urls.items())]


def _infos(files: Any, path: str) -> Iterator[dict[str, Any]]:
    found = files.glob(path, detail=True) if _MAGIC.search(path) else {path: files.info(path)}
    if not found:
        files.ls(_fixed(path))  # without a bucket nothing is found, and this says why
    for info in found.values():
        if info["type"] == "file" and not any(part[:1] == "." for part in info["name"].split("/")):
            yield info


def _open(pattern: str) -> tuple[Any, str]:
    import fsspec

    try:
        with _answering(pattern):
            return fsspec.url_to_fs(pattern)
    except (ImportError, ValueError) as error:
        raise SourceError(
            f"{pattern} needs a package that is not installed: {error}", storage.install(pattern)
        ) from error


def _url(scheme: str, path: str) -> str:
    return path if "://" in path else f"{scheme}://{path}"


def _identity(info: dict[str, Any]) -> str:
    found = next((info[key] for key in _IDENTITIES if info.get(key)), None)
    if found is None:
        raise SourceError(
            f"{info['name']} has no ETag, and nothing tells its versions apart",
            "copy it below data/input: `dvc import-url URL data/input/`",
        )
    return str(found).strip('"')


def _refuse_credentials(pattern: str) -> None:
    parts = urlsplit(pattern)
    said = "a name or password" if "@" in parts.netloc else "a query" if parts.query else ""
    if said:
        raise SourceError(
            f"source.patterns: the URL at {parts.hostname} has {said}, which would be committed",
            "leave it out; credentials are taken from where the store's SDK looks for them",
        )


def _refuse_unseen(pattern: str) -> None:
    """Refuse what neither DVC watches nor stands still."""
    if pattern.startswith("hf://"):
        if not _REVISION.search(pattern):
            raise SourceError(
                f"source.patterns: {pattern} names no commit, so it may change unseen",
                "write hf://datasets/OWNER/NAME@COMMIT/PATH with the 40 digits of one",
            )
        return
    stage = pipeline.stage_of("ingest")
    fixed = _same(_fixed(pattern))
    seen = [_same(dep).rstrip("/") for dep in stage.get("deps", ())]
    if stage and not any(fixed == dep or fixed.startswith(f"{dep}/") for dep in seen):
        raise SourceError(
            f"{pattern} is no dependency of ingest in dvc.yaml, so DVC would not see it change",
            f"add `- {_fixed(pattern).replace('az://', 'azure://')}` to deps of ingest in dvc.yaml",
        )


def _fixed(pattern: str) -> str:
    """Return the folder above the first part with ``*``; the whole if there is none."""
    magic = _MAGIC.search(pattern)
    return pattern[: magic.start()].rpartition("/")[0] if magic else pattern


def _same(url: str) -> str:
    scheme, mark, rest = str(url).partition("://")
    return f"{_WATCHED_AS.get(scheme, scheme)}{mark}{rest}"


@contextlib.contextmanager
def _answering(url: str, files: Any = None, path: str = "") -> Iterator[None]:
    """Turn a failure of a store into a line.

    Args:
        url: what is read.
        files: of which a byte of ``path`` is asked where the answer does not say why.
        path: in the words of the file system.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, SourceError) or not storage.is_failure(error):
            raise
        again = (lambda: files.cat_file(path, start=0, end=1)) if files else None
        if isinstance(error, FileNotFoundError) and storage.is_absent(error):
            reason, hint = "there is no such object", "mend source.patterns"
        else:
            reason, hint = storage.explain(error, again)
        raise SourceError(f"{url} cannot be read: {reason}", hint or _LATER) from error
