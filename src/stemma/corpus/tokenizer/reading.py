"""Read a tokenizer.json, and tell a torn file from every other failure."""

from pathlib import Path

from tokenizers import Tokenizer

from stemma.errors import StemmaError


def read_tokenizer(path: Path, kind: type[StemmaError], what: str, hint: str = "") -> Tokenizer:
    """Return the tokenizer in a file.

    Args:
        path: of a tokenizer.json.
        kind: of the error to raise if the file is missing or torn.
        what: the first part of its message; what the library says follows.
        hint: what to do about it.

    Raises:
        StemmaError: the file is missing or torn.
    """
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:
        # The library raises bare exceptions for whatever is wrong with a file.
        if type(error) is not Exception:
            raise
        raise kind(f"{what}: {error}", hint) from error
