"""What recording and measuring cost an answer: the same requests to servers with and without.

Two servers of one tiny model run side by side; of each pair of requests one goes to each, in an
order drawn by chance, and the difference of the two is taken.

    python bench/recording.py
"""

import random
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx

TESTS = Path(__file__).parents[1] / "tests"
sys.path[:0] = [str(TESTS), str(TESTS / "support")]

import talking  # noqa: E402
from served import lay_down, serving  # noqa: E402

from stemma.monitoring import reading  # noqa: E402
from stemma.monitoring.store import FILE  # noqa: E402

PAIRS, WARM = 2000, 50
BODY = {
    "model": "alpha", "temperature": 0, "messages": [{"role": "user", "content": "hello " * 20}],
}  # fmt: skip
WORDS = ("--path", "alpha", "--set", "smoke=[hello]")
UNMEASURED = ("--set", "monitoring.measured_per_minute=0")
ARMS = {
    "off": ("--set", "monitoring.record=false"),
    "on": UNMEASURED,
    "texts": ("--set", "monitoring.keep_text=true", *UNMEASURED),
    "measured": (),
    # No more than a twentieth of the time is all that holds it back.
    "often": ("--set", "monitoring.measured_per_minute=6000"),
}
NAMES = {
    "on": "records",
    "texts": "records and texts",
    "measured": "records, 60 prompts measured in a minute",
    "often": "records, as many measured as may be",
}


def measure() -> dict[str, Any]:
    """Ask in pairs, and compare."""
    with tempfile.TemporaryDirectory() as name:
        for arm in ARMS:
            lay_down(Path(name) / arm / "alpha", talking.files("alpha"))
        return {"pairs": PAIRS} | {arm: _compare(Path(name), arm) for arm in NAMES}


def _compare(folder: Path, arm: str) -> dict[str, Any]:
    body = BODY | ({"store": True} if arm == "texts" else {})
    with (
        serving(folder / "off", *WORDS, *ARMS["off"]) as without,
        serving(folder / arm, *WORDS, *ARMS[arm]) as recording,
        # A connection that stays waits for acknowledgements, 40 ms of some answers.
        httpx.Client(timeout=120, headers={"Connection": "close"}) as client,
    ):
        seconds: dict[str, list[float]] = {"off": [], arm: []}
        asks = [("off", f"{without.url}/v1/chat/completions", BODY),
                (arm, f"{recording.url}/v1/chat/completions", body)]  # fmt: skip
        for number in range(PAIRS + WARM):
            random.shuffle(asks)
            for name, url, given in asks:
                begun = time.perf_counter()
                client.post(url, json=given).raise_for_status()
                if number >= WARM:
                    seconds[name].append(time.perf_counter() - begun)
        metrics = recording.get("/metrics").text
        asked = len(list(reading.measured(folder / arm / FILE)))
    assert "stemma:records_lost_total 0.0" in metrics
    differences = [b - a for a, b in zip(seconds["off"], seconds[arm], strict=True)]
    return {
        "measured": asked,
        "without_ms": _percentiles(seconds["off"]),
        "with_ms": _percentiles(seconds[arm]),
        "difference_ms": _percentiles(differences),
        "median_95_ms": _interval(differences),
    }


def _percentiles(seconds: list[float]) -> dict[str, float]:
    cuts = statistics.quantiles(seconds, n=100)
    return {"p50": round(1000 * cuts[49], 3), "p99": round(1000 * cuts[98], 3)}


def _interval(differences: list[float]) -> list[float]:
    """Return the 95 % interval of their median, by its ranks, in milliseconds."""
    half = 1.96 * len(differences) ** 0.5 / 2
    ranked = sorted(differences)
    return [round(1000 * ranked[int(len(ranked) / 2 + side * half)], 3) for side in (-1, 1)]


def show(found: dict[str, Any]) -> None:
    """Print what it costs."""
    for arm, name in NAMES.items():
        told = found[arm]
        low, high = told["median_95_ms"]
        print(
            f"{name}, {found['pairs']} pairs, {told['measured']} measured: "
            f"without {told['without_ms']} ms, with "
            f"{told['with_ms']} ms, difference {told['difference_ms']} ms (median {low} to {high})"
        )


if __name__ == "__main__":
    show(measure())
