"""How another project's repository is read: 1,000 commits of a pipeline of 50 stages.

Nothing in it is laid out as Stemma's own: metrics under results/, a model that is declared, no
conf/. Each commit changes a setting, what ten stages made, and the metrics. The bar of both verbs
is a second, each in a process of its own, once their notes in .dvc/tmp are written ("first" is
without them).

    python bench/adopted.py
"""

import hashlib
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

import log

COMMITS, STAGES = 1000, 50
CHANGED = 10  # stages, in each commit
ROUNDS = 9
ARMS = {
    "first": ["stemma", "log"],
    "log": ["stemma", "log"],
    "show": ["stemma", "show", "HEAD"],
    "dvc": ["dvc", "metrics", "diff", "HEAD~1", "HEAD"],
}


def measure(commits: int = COMMITS, rounds: int = ROUNDS) -> dict[str, Any]:
    """Return the medians of the wall seconds of each arm, taken in turn."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make(folder, commits)
        listed = json.loads(log.run(["stemma", "log", "--json"], folder))
        seen: dict[str, list[float]] = {arm: [] for arm in ARMS}
        for _ in range(rounds):
            shutil.rmtree(folder / ".dvc/tmp", ignore_errors=True)
            for arm, command in ARMS.items():
                begun = time.perf_counter()
                log.run(command, folder)
                seen[arm].append(time.perf_counter() - begun)
    seconds = {arm: round(statistics.median(times), 2) for arm, times in seen.items()}
    return {"versions": len(listed), "stages": STAGES, "seconds": seconds, "rounds": rounds}


def show(result: dict[str, Any]) -> None:
    """Print the result as a table."""
    title = f"{result['versions']} versions of a foreign pipeline of {result['stages']} stages"
    table = Table(title=title)
    table.add_column("")
    table.add_column("seconds", justify="right")
    for arm, command in ARMS.items():
        words = " ".join(command) + (", for the first time" if arm == "first" else "")
        table.add_row(words, f"{result['seconds'][arm]:.2f}")
    Console().print(table)


def make(folder: Path, commits: int = COMMITS) -> None:
    """Make the repository."""
    log.run(["git", "init", "--quiet", "--initial-branch=main"], folder)
    subprocess.run([sys.executable, "-m", "dvc", "init", "--quiet"], cwd=folder, check=True)
    log.imported(folder, _history(folder, commits))


def _history(folder: Path, commits: int) -> Iterator[str]:
    config = {name: (folder / name).read_bytes() for name in (".dvc/config", ".dvc/.gitignore")}
    fixed = config | {"dvc.yaml": _pipeline().encode()}
    outs = {number: _md5(f"0 {number}") for number in range(STAGES)}
    random = np.random.default_rng(0)
    for number in range(1, commits + 1):
        for stage in random.choice(STAGES, CHANGED, replace=False).tolist():
            outs[stage] = _md5(f"{number} {stage}")
        metrics = json.dumps({"loss": 2 - number / 1000, "eval": {"f1": number / 1000}}).encode()
        files = {
            "params.yaml": f"rate: {number / 1e4}\n".encode(),
            "results/metrics.json": metrics,
            "dvc.lock": _lock(outs, number, metrics).encode(),
        }
        yield from log.entry("main", number, files | (fixed if number == 1 else {}))


def _pipeline() -> str:
    lines = ["stages:"]
    for number in range(STAGES):
        before = f"work/{number - 1}.bin" if number else "params.yaml"
        lines += [f"  step{number}:", f"    cmd: python step.py {number}", f"    deps: [{before}]",
                  *(["    params: [rate]"] if number < CHANGED else []),
                  f"    outs: [work/{number}.bin]"]  # fmt: skip
    lines += ["    metrics: [results/metrics.json: {cache: false}]", "artifacts:",
              f"  net: {{path: work/{STAGES - 1}.bin, type: model}}"]  # fmt: skip
    return "\n".join(lines) + "\n"


def _lock(outs: dict[int, str], rate: int, metrics: bytes) -> str:
    lines = ["schema: '2.0'", "stages:"]
    for number, md5 in outs.items():
        lines += [f"  step{number}:", f"    cmd: python step.py {number}"]
        if number:
            lines += ["    deps:", *_file(f"work/{number - 1}.bin", outs[number - 1])]
        if number < CHANGED:
            lines += ["    params:", "      params.yaml:", f"        rate: {rate / 1e4}"]
        lines += ["    outs:", *_file(f"work/{number}.bin", md5)]
    digest = hashlib.md5(metrics, usedforsecurity=False).hexdigest()
    return "\n".join([*lines, *_file("results/metrics.json", digest)]) + "\n"


def _file(path: str, md5: str) -> list[str]:
    return [f"    - path: {path}", "      hash: md5", f"      md5: {md5}", "      size: 1000"]


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


if __name__ == "__main__":
    show(measure())
