"""A copy of the project in which the circle goes round: its own tags, branches and records."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

_SECONDS = 300
# People come in a rush here, which would take a day elsewhere.
_SETTINGS = ("monitoring.keep_text=true", "monitoring.measured_per_minute=6000", "look_seconds=1")
_WATCH = "sample: 32\n"


@dataclasses.dataclass(frozen=True)
class Copy:
    """A clone that shares the cache of the project.

    Attributes:
        root: of the clone.
    """

    root: Path

    @classmethod
    def of(cls, project: Path, folder: Path) -> Copy:
        """Clone a project, with the version of its HEAD checked out."""
        subprocess.run(["git", "clone", "--quiet", str(project), str(folder)], check=True)
        made = cls(folder)
        # No branch or tag of the circle may get out of it.
        made.git("remote", "remove", "origin")
        made.git("config", "user.name", "Circle")
        made.git("config", "user.email", "circle@localhost")
        cache = subprocess.run(
            ["dvc", "cache", "dir"], cwd=project, check=True, capture_output=True, text=True
        ).stdout.strip()
        made.run("dvc", "cache", "dir", "--local", cache)
        made.run("dvc", "checkout", "--quiet")
        (folder / "conf/watch.yaml").write_text(_WATCH, encoding="utf-8")
        return made

    def git(self, *words: str) -> str:
        """Return what Git prints."""
        told = subprocess.run(
            ["git", *words], cwd=self.root, check=True, capture_output=True, text=True
        )
        return told.stdout

    def run(self, *words: str, may_refuse: bool = False) -> tuple[int, str]:
        """Run a command, and return its exit code and what it prints.

        Raises:
            SystemExit: it fails, where it may not.
        """
        told = subprocess.run(words, cwd=self.root, capture_output=True, text=True, check=False)
        if told.returncode and not may_refuse:
            raise SystemExit(f"{' '.join(words)}: {told.stdout}{told.stderr}")
        return told.returncode, told.stdout

    def json(self, *words: str) -> Any:
        """Return what a verb prints with ``--json``, whatever its exit code."""
        return json.loads(self.run(*words, "--json", may_refuse=True)[1])

    def standing(self, stage: str) -> str:
        """Return the version that stands on a stage."""
        history = self.json("stemma", "history", stage)
        return str(history["assignments"][0]["version"])


class Server:
    """`stemma serve` in a copy, until it is closed.

    Args:
        copy: the project.
        words: further options.
    """

    def __init__(self, copy: Copy, *words: str) -> None:
        quick = [word for one in _SETTINGS for word in ("--set", one)]
        command = [sys.executable, "-P", "-m", "stemma.cli", "serve", "--port", "0", *quick, *words]
        self._process = subprocess.Popen(
            command, cwd=copy.root, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
            env=os.environ,
        )  # fmt: skip
        self._log: list[str] = []
        threading.Thread(target=self._read, daemon=True).start()
        self.url = self.said(r"ready: (http://\S+)")

    def _read(self) -> None:
        assert self._process.stderr
        for line in self._process.stderr:
            self._log.append(line.rstrip())

    def said(self, pattern: str) -> str:
        """Wait until it says something, and return what the group of the pattern matches.

        Raises:
            SystemExit: it ends, or never says it.
        """
        until = time.monotonic() + _SECONDS
        while time.monotonic() < until and self._process.poll() is None:
            for line in self._log:
                if found := re.search(pattern, line):
                    return found[1]
            time.sleep(0.1)
        raise SystemExit("\n".join(["the server did not say it:", pattern, *self._log[-10:]]))

    def has_said(self, words: str) -> bool:
        """Say whether it has said some words."""
        return any(words in line for line in self._log)

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(60)
