"""Tell from its bytes what a file holds, whatever its name says, and what to do about it."""

import dataclasses
import re
import shlex
from pathlib import Path
from typing import Literal

from stemma.corpus.sources.remote import RemoteFile
from stemma.errors import SourceError

Packing = Literal["gzip", "zstd"]

START = 4096
"""How many bytes are looked at."""
_UNPACKERS = {"gzip": "gunzip", "zstd": "zstd -d --long=31", "bzip2": "bunzip2", "xz": "unxz"}
_KINDS = {
    "gzip": rb"\x1f\x8b\x08",
    "zstd": rb"\x28\xb5\x2f\xfd",
    "bzip2": rb"BZh[1-9]1AY&SY",
    "xz": rb"\xfd7zXZ\0",
    "zip": rb"PK(\x03\x04|\x05\x06)",
    "tar": rb"(?s:.{257}ustar)",
    "Parquet": rb"PAR1\x15",
    "Arrow (Feather)": rb"ARROW1\0\0",
    "PDF": rb"%PDF-",
}
# A mark at the start, or the codes by which a Japanese encoding of seven bits changes alphabets.
_ENCODINGS = {
    "UTF-32": rb"\xff\xfe\0\0|\0\0\xfe\xff",
    "UTF-16": rb"\xff\xfe|\xfe\xff",
    "ISO-2022-JP": rb"[\0-\x7f]*?\x1b\$[@B]",
}
_ARRAY = re.compile(rb"(\xef\xbb\xbf)?\s*\[\s*(\{|\Z)")
# What charset-normalizer finds, as iconv calls it. Any bytes at all make sense in an encoding of
# one byte a character, so of those none is named.
_GUESSES = {
    **{"gb18030": "GB18030", "gbk": "GB18030", "gb2312": "GB18030", "hz": "HZ"},
    **{"big5": "BIG5", "cp950": "BIG5", "big5hkscs": "BIG5-HKSCS"},
    **{"cp932": "CP932", "shift_jis": "CP932", "shift_jis_2004": "SHIFT_JISX0213"},
    **{"euc_jp": "EUC-JP", "euc_jis_2004": "EUC-JP", "euc_jisx0213": "EUC-JP"},
    **{"cp949": "CP949", "euc_kr": "CP949", "johab": "JOHAB"},
    **{"utf_16_le": "UTF-16LE", "utf_16_be": "UTF-16BE"},
    **{"utf_32_le": "UTF-32LE", "utf_32_be": "UTF-32BE"},
}


@dataclasses.dataclass(frozen=True)
class TextFile:
    """A file of text, as it is or packed.

    Attributes:
        path: of the file.
        packing: how it is compressed, according to its name.
    """

    path: Path | RemoteFile
    packing: Packing | None = None

    def through(self, command: str) -> str:
        """Return what to type to pipe the text through a command."""
        pipe = f"{command} < {shlex.quote(str(self.path))}"
        if self.packing:
            unpack = f"{_UNPACKERS[self.packing]} < {shlex.quote(str(self.path))}"
            pipe = f"{unpack} | {command} | {self.packing}"
        return f"`{pipe} > NEW`, and put NEW in its place"

    def check(self, start: bytes) -> None:
        """Refuse a file that is no text, or is not in UTF-8.

        Args:
            start: its first bytes, unpacked.

        Raises:
            SourceError: the message says what the file is.
        """
        encoding = next((name for name, at in _ENCODINGS.items() if re.match(at, start)), None)
        if encoding is None and b"\0" in start:
            # Whole units of UTF-16 and UTF-32 only.
            encoding = _guess(start[: len(start) // 4 * 4])
        if encoding:
            raise SourceError(
                f"{self.path} is {encoding}, not UTF-8",
                f"convert it: {self.through(f'iconv -f {encoding} -t UTF-8')}",
            )
        kind = _kind(start)
        if kind in _UNPACKERS:
            raise SourceError(
                f"{self.path} holds {kind}, not text",
                f"unpack it: {self.through(_UNPACKERS[kind])}",
            )
        if kind:
            raise SourceError(
                f"{self.path} holds {kind}, not text", "take the text out of it, or remove it"
            )

    def check_lines(self, start: bytes) -> None:
        """Refuse a file that is one JSON array instead of one object per line.

        Raises:
            SourceError: it is one.
        """
        if _ARRAY.match(start):
            raise SourceError(
                f"{self.path} is one JSON array, not JSON Lines",
                "write an object a line: " + self.through("jq -c '.[]'"),
            )

    def not_utf8(self, error: UnicodeDecodeError, where: str) -> SourceError:
        """Return the error for bytes that are not UTF-8."""
        encoding = _guess(error.object)
        convert = self.through(f"iconv -f {encoding or 'ENCODING'} -t UTF-8")
        hint = f"it may be {encoding}" if encoding else "find out its encoding"
        return SourceError(
            _describe(error, where),
            f"{hint}: {convert} once it reads well; a wrong encoding gives wrong letters, no error",
        )


def check_kind(start: bytes, path: Path | RemoteFile, expected: str) -> None:
    """Refuse a file that is something else than its name says.

    Args:
        start: its first bytes.
        path: of the file.
        expected: a packing, or Parquet.

    Raises:
        SourceError: the message says what the file is.
    """
    kind = _kind(start)
    if kind and kind != expected:
        raise SourceError(
            f"{path} is {kind}, not {expected}",
            f"make {expected} of it, or give it the ending of what it is",
        )


def table_not_utf8(error: UnicodeDecodeError, where: str) -> SourceError:
    """Return the error for a value in a table that is not UTF-8."""
    return SourceError(_describe(error, where), "write the column as UTF-8")


def _describe(error: UnicodeDecodeError, where: str) -> str:
    byte = error.object[error.start]
    return f"{where} is not UTF-8: byte {byte:#04x} at offset {error.start}"


def _kind(start: bytes) -> str | None:
    return next((kind for kind, at in _KINDS.items() if re.match(at, start)), None)


def _guess(content: bytes) -> str | None:
    from charset_normalizer import from_bytes

    best = from_bytes(content).best()
    return _GUESSES.get(best.encoding) if best else None
