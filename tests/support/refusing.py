"""A project of two versions, and verbs that are run in it in this process."""

import json
import os
import subprocess
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from click.testing import CliRunner, Result
from history import History
from prepared import manifest, row
from project import environment

from stemma.cli import main


def run(folder: Path, *words: str) -> Result:
    """Run a verb in a folder, as the ``stemma`` command does."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        # Set for the process otherwise, by diff.
        return CliRunner(env={"OPENBLAS_NUM_THREADS": "1"}).invoke(main, list(words))
    finally:
        os.chdir(before)


def refused(folder: Path, *words: str) -> str:
    """Return the one line with which a verb refuses."""
    done = run(folder, *words)
    assert isinstance(done.exception, SystemExit), done.exception
    assert (done.exit_code, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("stemma: ") and line.endswith(")"), "what is wrong, and what to do"
    return line


def git(folder: Path, *words: str) -> None:
    subprocess.run(
        ["git", "-c", "protocol.file.allow=always", *words],
        cwd=folder, env=environment(), check=True, capture_output=True,
    )  # fmt: skip


def outputs(weights: bytes) -> dict[str, dict[str, bytes]]:
    return {
        "data/prepared": {"manifest.parquet": manifest([row("doc", "a text")])},
        "models/trained": {"weights": weights},
    }


def project(folder: Path) -> History:
    """Make a project with two versions, and the outputs of the second in the working tree.

    The second is the worse one.
    """
    made = History(folder)
    (folder / "reports").mkdir()
    for loss, name in enumerate(("one", "two"), 1):
        examples = {"id": [*"abcdefgh"], "words": [4] * 8, "loss": [4.0 * loss] * 8}
        examples["correct"] = [2] * 8
        pq.write_table(pa.table(examples), folder / "reports/examples.parquet")
        metrics = {"loss": loss, "accuracy": 0.5, "documents": 8, "tokens": 32}
        (folder / "reports/metrics.json").write_text(json.dumps(metrics))
        made.commit(
            outputs(b"{}" if name == "one" else b'{"steps": 2}'), f"train:\n  steps: {loss}\n"
        )
        made.git("tag", name)
    for path, files in outputs(b'{"steps": 2}').items():
        (folder / path).mkdir(parents=True)
        for name, content in files.items():
            (folder / path / name).write_bytes(content)
    (folder / ".gitignore").write_text("/data/prepared\n/models\n/.dvc/cache\n")
    return made
