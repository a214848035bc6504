"""Preferences: a prompt and what is, or is not, liked after it; as documents, and as tokens.

A pair prefers one completion to another; a thumb says of one completion whether it is desirable.
Both are documents whose parts have roles that no conversation and no tag has.

On disk, beside the splits: ``preferences.tokens.npy``, ``.offsets.npy`` and ``.labels.npy`` hold
sequences as the splits do (the label of a completion's token is its own id, of any other IGNORED);
``preferences.kinds.npy`` says what each sequence is, and a rejected one follows its chosen one.
``preferences.json`` has the ids of the documents, in the order of their sequences.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stemma.corpus.documents import Part
from stemma.errors import DataError

NAME = "preferences"
PREFIX = "preference."
PROMPT = f"{PREFIX}prompt"
KINDS = ("undesirable", "desirable", "chosen", "rejected")
UNDESIRABLE, DESIRABLE, CHOSEN, REJECTED = range(len(KINDS))
_REMEDY = "type `dvc repro prepare`, or `dvc checkout` to restore the files"


def role_of(kind: int) -> str:
    """Return the role of a completion."""
    return f"{PREFIX}{KINDS[kind]}"


def is_preference(parts: Sequence[Part]) -> bool:
    """Return whether a document is a preference: its last part is a completion that is judged."""
    return bool(parts) and parts[-1].role in _COMPLETIONS


def taken_apart(parts: Sequence[Part]) -> tuple[list[Part], list[tuple[int, str]]]:
    """Return the parts of the prompt, and the kind and the text of each completion."""
    prompt = [part for part in parts if part.role not in _COMPLETIONS]
    judged = [part for part in parts if part.role in _COMPLETIONS]
    return prompt, [(_COMPLETIONS[part.role], part.text) for part in judged]


def read_kinds(folder: Path) -> NDArray[np.int8]:
    """Return what each sequence is, an index into KINDS; empty if there are no preferences.

    Raises:
        DataError: the file is torn.
    """
    path = folder / f"{NAME}.kinds.npy"
    try:
        return np.load(path, allow_pickle=False)
    except FileNotFoundError:
        return np.empty(0, np.int8)
    except (ValueError, EOFError) as error:
        raise DataError(f"{path} is torn or no array: {error}", _REMEDY) from error


_COMPLETIONS = {role_of(kind): kind for kind in range(len(KINDS))}
