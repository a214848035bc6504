"""Label names, from labels.json to a model's configuration."""

from pathlib import Path
from typing import Any

from stemma.corpus.task import LABELS
from stemma.errors import DataError
from stemma.files import read_json

_REMEDY = "type `dvc repro prepare`, or `dvc checkout` to restore the files"


def read_names(prepared: Path) -> list[str]:
    """Return the names of the labels; the id of each is its place in the list.

    Raises:
        DataError: the file is missing or torn.
    """
    path = prepared / LABELS
    try:
        names = read_json(path)
    except FileNotFoundError as error:
        raise DataError(f"{path} does not exist", _REMEDY) from error
    except ValueError as error:
        raise DataError(f"{path} is torn: {error}", _REMEDY) from error
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise DataError(f"{path} is no list of names", _REMEDY)
    return names


def label_head(settings: Any, prepared: Path) -> dict[str, Any]:
    """Return what a model's configuration says of its labels: their number and their names.

    Raises:
        DataError: labels.json is missing or torn.
    """
    names = read_names(prepared)
    ids = {name: index for index, name in enumerate(names)}
    return {"num_labels": len(names), "id2label": dict(enumerate(names)), "label2id": ids}
