"""Write models/base: one model or several made one, and base.json, which says where it is from."""

from pathlib import Path

from stemma.files import sha256_of, write_json
from stemma.modeling.bases.converting import convert
from stemma.modeling.bases.merged import merge
from stemma.modeling.bases.settings import Base, MergedBase

RECORD = "base.json"


def write_base(base: Base | None, folder: Path) -> None:
    """Write a base into ``folder``, with base.json.

    Args:
        base: None for training from scratch; then base.json is all there is.
        folder: an existing, empty folder.

    Raises:
        SourceError: a model cannot be fetched, or is not what the settings name.
        ModelError: a model cannot be taken, as `convert` says; or its parents cannot be merged.
    """
    if base is None:
        write_json(folder / RECORD, {"kind": None})
        return
    facts = merge(base, folder) if isinstance(base, MergedBase) else convert(base, folder)
    files = {path.name: sha256_of(path) for path in sorted(folder.iterdir())}
    write_json(folder / RECORD, {**facts, "files": files})
