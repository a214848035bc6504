"""The held-out losses that a training writes as it goes, read as they grow, and by document."""

import dataclasses
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stemma.errors import SettingsError

Losses = NDArray[np.float64]
"""By document of the validation split, nats per token, shape (documents,)."""
_WORST = 0.1


@dataclasses.dataclass(frozen=True)
class Table:
    """What a training has written so far.

    Attributes:
        steps: how many it does.
        pid: number of its process.
        documents: which documents of the validation split the columns are, sorted.
        by_step: the losses at each step that was measured, in order.
    """

    steps: int
    pid: int
    documents: list[int]
    by_step: dict[int, Losses]

    @property
    def last(self) -> Losses | None:
        """The losses after the last step so far: when it is over, those of the weights it keeps."""
        return self.by_step[max(self.by_step)] if self.by_step else None


def read(path: Path) -> Table | None:
    """Return what stands in a file of `stemma.modeling.examples.held_out`; None if nothing does.

    A line that is being written, or that a kill has torn, does not count.
    """
    try:
        lines = path.read_text(encoding="utf-8").split("\n")[:-1]
    except FileNotFoundError:
        return None
    about: dict[str, object] = {}
    by_step: dict[int, Losses] = {}
    found: list[int] = []
    index = np.empty(0, np.intp)
    for line in lines:
        try:
            told = json.loads(line)
        except ValueError:
            continue
        if "documents" in told:
            about = told
            found, index = _distinct(told["documents"])
        elif about:
            counts = np.bincount(index)
            by_step[told["step"]] = np.bincount(index, np.array(told["losses"], float)) / counts
    if not about:
        return None
    return Table(int(str(about["steps"])), int(str(about["pid"])), found, by_step)


def _distinct(documents: list[int]) -> tuple[list[int], NDArray[np.intp]]:
    found, index = np.unique(documents, return_inverse=True)
    return found.tolist(), index


def _mean(losses: Losses) -> float:
    return float(losses.mean())


def _worst(losses: Losses) -> float:
    most = max(1, round(_WORST * len(losses)))
    return float(np.sort(losses)[-most:].mean())


METRICS = {"loss": _mean, "worst_loss": _worst}
"""What can be searched for: the mean over documents, and that over the worst tenth of them."""


def metric_named(name: str) -> str:
    """Return a name of METRICS.

    Raises:
        SettingsError: it is none.
    """
    if name in METRICS:
        return name
    raise SettingsError(
        f"no metric '{name}' is measured on the validation split",
        f"there are {', '.join(METRICS)}; those of metrics.json are of the test split, which is no "
        "place to search",
    )
