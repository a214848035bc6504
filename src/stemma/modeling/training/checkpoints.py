"""Checkpoints of a run: outside DVC's outputs, resumed only by the run that made them."""

import hashlib
import json
import shutil
from pathlib import Path

from stemma.files import read_json, sha256_of, write_json

SEAL = "seal.json"


def fingerprint(settings: object, inputs: list[Path]) -> str:
    """Return a name for a run, equal only for equal settings, data and code.

    Args:
        settings: of the run, and the digests of its code; something that JSON can hold.
        inputs: files whose bytes the run depends on.
    """
    parts = [json.dumps(settings, sort_keys=True)]
    parts += [f"{path.name} {sha256_of(path)}" for path in sorted(inputs)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def seal(checkpoint: Path) -> None:
    """Mark a checkpoint as wholly written, by the digests of its files."""
    write_json(checkpoint / SEAL, _digests(checkpoint))


def latest(folder: Path) -> Path | None:
    """Return the newest checkpoint whose files are as they were sealed; None if there is none.

    All others are deleted, which a kill has torn while they were being written or deleted: Trainer
    counts folders when it makes room, and would delete a whole one instead of them.
    """
    numbered = sorted(folder.glob("checkpoint-*"), key=lambda path: int(path.name.split("-")[1]))
    whole = [checkpoint for checkpoint in numbered if _is_whole(checkpoint)]
    for torn in set(numbered) - set(whole):
        shutil.rmtree(torn)
    return whole[-1] if whole else None


def _is_whole(checkpoint: Path) -> bool:
    sealed = checkpoint / SEAL
    return sealed.exists() and read_json(sealed) == _digests(checkpoint)


def _digests(checkpoint: Path) -> dict[str, str]:
    files = (path for path in sorted(checkpoint.rglob("*")) if path.is_file())
    return {
        path.relative_to(checkpoint).as_posix(): sha256_of(path)
        for path in files
        if path.name != SEAL
    }
