"""How the versions of a repository are listed: 1,000 commits, each with metrics of its own.

Every version has this project's dvc.yaml, dvc.lock, params.yaml and reports, with other weights, a
setting changed and metrics that vary by document; every fortieth commit merges a branch, and one in
ten versions starts from what an earlier one made. Against what DVC has for it, in turn; DVC's arms
take minutes and run once.

    python bench/log.py                     # makes the repository and lists it, about ten minutes
    python bench/log.py --make FOLDER 1000  # only makes it
"""

import argparse
import hashlib
import json
import os
import re
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
import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
COMMITS = 1000
ROUNDS = 9
ARMS = {
    "first": ("stemma log, for the first time", ["stemma", "log", "--all"]),
    "stemma": ("stemma log", ["stemma", "log", "--all"]),
    "exp_show": ("dvc exp show -A --json", ["dvc", "exp", "show", "-A", "--json"]),
    "metrics_show": (
        "dvc metrics show --all-commits",
        ["dvc", "metrics", "show", "--all-commits", "--json"],
    ),
}
_SIDE = 40  # a branch of one version starts and is merged every so many
_BASED = 10
_FILES = 4  # of each output that is new in every version


def measure(commits: int = COMMITS, rounds: int = ROUNDS) -> dict[str, Any]:
    """Return wall seconds of each arm: Stemma's are medians over rounds."""
    with tempfile.TemporaryDirectory() as folder:
        make(Path(folder), commits)
        listed = json.loads(run([*ARMS["stemma"][1], "--json"], Path(folder)))
        ours: dict[str, list[float]] = {"first": [], "stemma": []}
        for _ in range(rounds):
            # What it keeps of the tests from one time to the next.
            shutil.rmtree(Path(folder) / ".dvc/tmp")
            for arm, seen in ours.items():
                seen.append(_seconds(arm, Path(folder)))
        theirs = {arm: _seconds(arm, Path(folder)) for arm in ARMS if arm not in ours}
    seconds = {arm: statistics.median(seen) for arm, seen in ours.items()} | theirs
    return {
        "versions": len(listed),
        "seconds": {arm: round(value, 2) for arm, value in seconds.items()},
        "over_stemma": {arm: round(value / seconds["stemma"]) for arm, value in theirs.items()},
        "rounds": rounds,
    }


def show(result: dict[str, Any]) -> None:
    """Print the result as a table."""
    table = Table(title=f"All {result['versions']} versions of a repository")
    for column in ("", "seconds", "Stemma is"):
        table.add_column(column, justify="left" if not column else "right")
    for arm, (label, _) in ARMS.items():
        over = result["over_stemma"].get(arm)
        table.add_row(label, f"{result['seconds'][arm]:.2f}", f"x {over}" if over else "")
    Console().print(table)


def make(folder: Path, commits: int = COMMITS) -> None:
    """Make a repository with so many versions on its main branch and those that it merges."""
    run(["git", "init", "--quiet", "--initial-branch=main"], folder)
    (folder / ".dvc").mkdir()
    imported(folder, _history(folder, commits))


def imported(folder: Path, history: Iterator[str]) -> None:
    """Give a new repository its history, as ``git fast-import`` reads it."""
    given = "".join(history)
    subprocess.run(
        ["git", "fast-import", "--quiet"], cwd=folder, input=given.encode("latin-1"), check=True
    )
    run(["git", "reset", "--quiet", "--hard"], folder)


def _history(folder: Path, commits: int) -> Iterator[str]:
    """Yield the repository as ``git fast-import`` reads it, bytes as Latin-1."""
    template = _Template(folder)
    fixed = {name: (ROOT / name).read_bytes() for name in ("dvc.yaml", ".dvc/config")}
    for number in range(1, commits + 1):
        files = template.version(number) | (fixed if number == 1 else {})
        merges, forks = number % _SIDE == 0, number % _SIDE == _SIDE // 2
        yield from entry("main", number, files, "side" if merges else "")
        if forks:
            yield "reset refs/heads/side\nfrom refs/heads/main\n\n"
            yield from entry("side", number, template.version(commits + number))
        if number % 100 == 0:
            yield f"reset refs/tags/v{number // 100}\nfrom refs/heads/main\n\n"


def entry(branch: str, number: int, files: dict[str, bytes], merged: str = "") -> Iterator[str]:
    """Yield a commit, bytes as Latin-1."""
    yield f"commit refs/heads/{branch}\n"
    yield f"committer Bench <bench@example.org> {1_700_000_000 + number * 3600} +0000\n"
    yield data(f"Version {number} of {branch}".encode())
    if merged:
        yield f"merge refs/heads/{merged}\n"
    for path, content in files.items():
        yield f"M 644 inline {path}\n{data(content)}"
    yield "\n"


def data(content: bytes) -> str:
    return f"data {len(content)}\n{content.decode('latin-1')}\n"


class _Template:
    """This project's own version, from which all others are made."""

    def __init__(self, folder: Path) -> None:
        self._cache = folder / ".dvc/cache/files/md5"
        self._lock, self._params = (
            (ROOT / name).read_text() for name in ("dvc.lock", "params.yaml")
        )
        self._metrics = json.loads((ROOT / "reports/metrics.json").read_text())
        self._examples = pq.read_table(ROOT / "reports/examples.parquet")
        self._same = {
            "data/raw": self._listing({"documents-00000.parquet": b"raw"}),
            "data/prepared": self._listing({"tokenizer/tokenizer.json": b"tokenizer"}),
            "models/base": self._listing({"base.json": b'{"kind": null}'}),
        }

    def version(self, number: int) -> dict[str, bytes]:
        """Return what Git keeps of a version; what DVC keeps of it is put into the cache."""
        made = self._made(number)
        exported = self._listing({**made, "README.md": b"%d" % number})
        outs = self._same | {"models/trained": self._listing(made), "models/exported": exported}
        rate = f"learning_rate: 0.{number:04d}"
        params = re.sub(r"learning_rate: \S+", rate, self._params, count=1)
        if number % _BASED == 0:
            # The hash of a commit that does not exist yet; nothing asks for it.
            record = {"kind": "path", "origin": "stemma://v1", "version": f"{number:040x}"}
            base = self._made(number - _BASED + 1) | {"base.json": json.dumps(record).encode()}
            outs["models/base"] = self._listing(base)
            kind = "base:\n    kind: path\n    path: stemma://v1"
            params = params.replace("base: null", kind, 1)
        metrics, examples = self._measured(number)
        return {
            "dvc.lock": self._locked(outs, metrics).encode(),
            "params.yaml": params.encode(),
            "reports/metrics.json": metrics,
            "reports/examples.parquet": examples,
        }

    def _made(self, number: int) -> dict[str, bytes]:
        weights = {
            f"model-{part:02d}.safetensors": f"{number} {part}".encode() * 99
            for part in range(_FILES)
        }
        return {"config.json": b"{}", "tokenizer.json": b"tokenizer", **weights}

    def _measured(self, number: int) -> tuple[bytes, bytes]:
        random = np.random.default_rng(number)
        table = self._examples
        loss = table["loss"].to_numpy() * random.normal(1 - number / 1e5, 0.004, len(table))
        table = table.set_column(table.schema.get_field_index("loss"), "loss", pa.array(loss))
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink)
        figure = loss.sum() / np.log(2) / table["bytes"].to_numpy().sum()
        metrics = self._metrics | {"bits_per_byte": round(float(figure), 4)}
        return json.dumps(metrics, indent=2).encode(), sink.getvalue().to_pybytes()

    def _locked(self, outs: dict[str, tuple[str, int]], metrics: bytes) -> str:
        lock = self._lock
        outs = outs | {"reports/metrics.json": (hashlib.md5(metrics).hexdigest(), len(metrics))}
        for path, (md5, size) in outs.items():
            entry = rf"(- path: {path}\n      hash: md5\n      md5: )\S+\n      size: \d+"
            lock = re.sub(entry, rf"\g<1>{md5}\n      size: {size}", lock)
        return lock

    def _listing(self, files: dict[str, bytes]) -> tuple[str, int]:
        listed = [{"md5": self._put(files[name]), "relpath": name} for name in sorted(files)]
        size = sum(map(len, files.values()))
        return self._put(json.dumps(listed).encode(), ".dir"), size

    def _put(self, content: bytes, suffix: str = "") -> str:
        md5 = hashlib.md5(content).hexdigest() + suffix
        path = self._cache / md5[:2] / md5[2:]
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return md5


def _seconds(arm: str, folder: Path) -> float:
    begun = time.perf_counter()
    run(ARMS[arm][1], folder)
    return time.perf_counter() - begun


def run(command: list[str], folder: Path) -> str:
    """Return what a command prints."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | {"PATH": path},
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout


def main() -> None:
    """Run the comparison, or make the repository."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--make", type=Path, metavar="FOLDER")
    parser.add_argument("commits", nargs="?", type=int, default=COMMITS)
    options = parser.parse_args()
    if options.make:
        options.make.mkdir(parents=True)
        make(options.make, options.commits)
    else:
        show(measure(options.commits))


if __name__ == "__main__":
    main()
