"""Every error that a user can cause, and the one place that turns it into a line.

StemmaError            message (what and where) and hint (what to type or change)
├── SettingsError      conf/, params.yaml, an override, a key
├── SourceError        a file, wheel or data set that a stage reads from outside
├── DataError          documents, tokenizer or arrays that prepare makes
├── ModelError         a model, checkpoint or loss that train, evaluate or export meet
├── ReproducibilityError   the environment, or an input, is not what the version declares
└── ProjectError       what reads a repository: `stemma.store.errors`
"""

import contextlib
import errno
import sys
from collections.abc import Iterator

from stemma import extras
from stemma.streams import forgive, visible


class StemmaError(Exception):
    """Something the user can mend.

    Args:
        message: what is wrong and where, in one line.
        hint: what to do about it, in one line; may be empty.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class SettingsError(StemmaError):
    """A setting is missing, unknown, of the wrong type or out of range."""


class SourceError(StemmaError):
    """A source cannot be read, or is not what it claims to be."""


class DataError(StemmaError):
    """The documents cannot be turned into training data."""


class ModelError(StemmaError):
    """A model cannot be built, trained, measured or loaded."""


class ReproducibilityError(StemmaError):
    """What is there is not what the version declares it was made with."""


@contextlib.contextmanager
def boundary(name: str, traceback: bool | None = None) -> Iterator[None]:
    """Turn an error into one line on stderr and exit code 1.

    Args:
        name: who speaks, such as ``stemma prepare``.
        traceback: let the exception through; by default, whether ``--traceback`` was typed.

    Raises:
        SystemExit: code 1 for a user's error, 130 for Ctrl-C.
    """
    forgive()
    if traceback if traceback is not None else "--traceback" in sys.argv:
        yield
        return
    try:
        yield
    except StemmaError as error:
        _fail(name, str(error))
    except ModuleNotFoundError as error:
        extra = extras.of(error.name or "")
        if extra is None:
            raise
        _fail(name, f"{error.name} is not installed, which this needs ({extras.install(extra)})")
    except KeyboardInterrupt:
        print(f"{name}: interrupted", file=sys.stderr)
        raise SystemExit(130) from None
    except MemoryError:
        _fail(name, "out of memory (lower the batch size, the shard size or the workers)")
    except RecursionError:
        _fail(name, "a file is nested deeper than can be read (--traceback shows where it is read)")
    except OSError as error:
        _fail(name, _describe_os_error(error))


def _fail(name: str, line: str) -> None:
    print(f"{name}: {visible(' '.join(line.split()))}", file=sys.stderr)
    raise SystemExit(1) from None


def _describe_os_error(error: OSError) -> str:
    where = f" at {error.filename}" if error.filename else ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return f"no space left on the disk{where} (free some and run again; nothing was replaced)"
    return f"{error.strerror or error}{where}"
