"""Two versions compared as a whole: how often a difference is told, where there is one or none."""

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from measured import Columns, metrics_of, texts
from scipy import stats

from stemma.modeling.metrics.formulas import Examples
from stemma.statistics.significance import LEVEL, POWER
from stemma.store.declared import CONVENTION
from stemma.store.version import Version
from stemma.versions.comparison.tested import Comparison, changed, compare_versions

DOCUMENTS = 24
ROUNDS = 400


class OnlyExamples(Version):
    """A version of which nothing is known but what evaluate left."""

    def __init__(self, columns: Columns) -> None:
        super().__init__("measured")
        sink = io.BytesIO()
        pq.write_table(pa.table(columns), sink)
        self._content = sink.getvalue()

    def read(self, path: str) -> bytes | None:
        return self._content if path == CONVENTION.examples else None

    def _list(self, output: str) -> dict[str, str]:
        return {}

    def path(self, output: str, file: str) -> Path:
        raise AssertionError(file)


def compared(a: Columns, b: Columns) -> Comparison:
    return compare_versions(OnlyExamples(a), OnlyExamples(b), metrics_of(a), metrics_of(b))


def arrays(columns: Columns) -> Examples:
    return {name: np.asarray(column) for name, column in columns.items()}


def test_without_a_difference_any_is_told_in_one_case_of_twenty() -> None:
    alarms = quick = 0
    for seed in range(ROUNDS):
        a, b = (texts(DOCUMENTS, seed=2 * seed + side) for side in (1, 2))
        tested = compared(a, b).tested
        assert len(tested) == 5, "five metrics of three aspects, and one level for all"
        alarms += any(one.real for one in tested.values())
        quick += bool(changed(arrays(a), arrays(b), "bits_per_byte"))
    limit = stats.binom.ppf(0.999, ROUNDS, LEVEL)
    assert 0 < alarms <= limit
    assert 0 < quick <= limit


def test_the_smallest_effect_that_is_named_is_seen_four_times_in_five() -> None:
    seen = []
    for seed in range(ROUNDS):
        a = texts(DOCUMENTS, seed=2 * seed + 1)
        smallest = compared(a, texts(DOCUMENTS, seed=2 * seed + 2)).tested["bits_per_byte"].smallest
        # In bits per byte, and no other aspect.
        b = texts(DOCUMENTS, seed=2 * seed + 2)
        b["loss"] = b["loss"] + smallest * np.log(2) * b["bytes"]
        seen.append(compared(a, b).tested["bits_per_byte"].real)
    assert np.mean(seen) == pytest.approx(POWER, abs=0.08)


def test_a_figure_that_diverged_is_named_as_the_reason() -> None:
    a, b = texts(DOCUMENTS, seed=1), texts(DOCUMENTS, seed=2)
    b["loss"] = b["loss"] + 9000 * np.asarray(b["tokens"])
    metrics_b = metrics_of(a) | {"perplexity": float("inf")}
    found = compare_versions(OnlyExamples(a), OnlyExamples(b), metrics_of(a), metrics_b)
    assert found.untested == {"perplexity": "it is no finite number: the training diverged"}
    assert found.tested["loss"].real


def test_why_one_version_has_no_bits_per_byte() -> None:
    a, b = texts(DOCUMENTS, seed=1), texts(DOCUMENTS, seed=2)
    lossy = {name: value for name, value in metrics_of(b).items() if name != "bits_per_byte"}
    found = compare_versions(
        OnlyExamples(a), OnlyExamples(b), metrics_of(a), {**lossy, "not_restored": 9}
    )
    assert found.untested == {
        "bits_per_byte": "the texts do not come back from the tokens of measured"
    }
    other = compare_versions(OnlyExamples(a), OnlyExamples(b), metrics_of(a), lossy)
    assert other.untested == {"bits_per_byte": "only one version has it"}
