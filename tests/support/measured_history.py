"""A history of versions with metrics by document: what `log` colours and `bisect` judges."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from history import History
from measured import metrics_of


class MeasuredHistory(History):
    """Versions are given as their examples; each has weights of its own."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._count = 0

    def version(
        self,
        examples: Mapping[str, Any] | None,
        metrics: Mapping[str, Any] | None = None,
        settings: str = "",
    ) -> str:
        """Commit a version; its metrics follow from its examples unless they are given."""
        reports = self.root / "reports"
        reports.mkdir(exist_ok=True)
        for name in ("examples.parquet", "metrics.json"):
            (reports / name).unlink(missing_ok=True)
        if examples is not None:
            pq.write_table(pa.table(dict(examples)), reports / "examples.parquet")
        if examples is not None or metrics is not None:
            found = metrics if metrics is not None else metrics_of(examples or {})
            (reports / "metrics.json").write_text(json.dumps(found))
        self._count += 1
        weights = {"model.safetensors": str(self._count).encode()}
        return self.commit({"models/trained": weights}, settings)

    def branch(self, name: str, at: str) -> None:
        """Start a branch at a commit and go there."""
        self.git("checkout", "-q", "-b", name, at)

    def merge(self, name: str, examples: Mapping[str, Any]) -> str:
        """Merge a branch into main, as a version with examples of its own."""
        self.git("checkout", "-q", "main")
        self.git("merge", "-q", "-s", "ours", "--no-commit", name)
        return self.version(examples)
