"""Talks to the driver of tests/support/killing.py."""

import signal
import subprocess
import sys
from pathlib import Path

from project import Project, environment

from stemma.files import sha256_of

# Not imported: it caps the libraries of the process that it is in.
DRIVER = Path(__file__).with_name("killing.py")


class Killer:
    """The driver of tests/support/killing.py at work."""

    def __init__(self, log: Path) -> None:
        self.log = log
        self.process = subprocess.Popen(
            [sys.executable, str(DRIVER)],
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log.open("wb"),
            text=True,
        )

    def __call__(self, project: Project, point: str) -> int:
        """Run the stage until ``point``; return the step that it went on from."""
        said = self.log.stat().st_size
        assert self.process.stdin and self.process.stdout
        print(project.path, point, file=self.process.stdin, flush=True)
        code = self.process.stdout.readline().strip()
        lines = self.log.read_text()[said:]
        wanted = 0 if point == "never" else -signal.SIGKILL
        assert code == str(int(wanted)), f"{point}: exit {code}\n{lines}"
        return gone_on_from(lines)

    def close(self) -> None:
        """End the driver."""
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()


def gone_on_from(lines: str) -> int:
    """Return the step that a run says it went on from; 0 if it began anew."""
    _, found, rest = lines.partition("going on from step ")
    return int(rest.split()[0]) if found else 0


def outputs(project: Project) -> dict[str, str]:
    """Return the hash of each file that training made, by name."""
    files = [*project.path.glob("models/trained/*"), *project.path.glob("reports/plots/*.csv")]
    return {path.name: sha256_of(path) for path in files if path.name != "observed.json"}
