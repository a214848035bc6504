"""A history of versions made by hand: commits with a dvc.lock, and the cache it refers to."""

import hashlib
import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from project import environment

ENTRY = "    - path: {path}\n      hash: md5\n      md5: {md5}\n      size: 1\n"


class History:
    """A repository whose versions are given as the files of their outputs."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / ".dvc").mkdir(parents=True)
        (root / ".dvc/config").touch()
        (root / ".dvc/.gitignore").write_text("/config.local\n/tmp\n/cache\n")
        self.git("init", "-q", "-b", "main")
        (root / ".git/info/exclude").write_text("/.dvc/cache\n")

    def git(self, *arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.root,
            env=environment(),
            check=False,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, (arguments, done.stderr)
        return done.stdout.strip()

    def commit(self, outputs: Mapping[str, Mapping[str, bytes]], settings: str = "") -> str:
        """Commit a version; return its hash."""
        entries = [
            ENTRY.format(path=path, md5=self._folder(files)) for path, files in outputs.items()
        ]
        lock = f"schema: '2.0'\nstages:\n  made:\n    cmd: make\n    outs:\n{''.join(entries)}"
        (self.root / "dvc.lock").write_text(lock)
        (self.root / "params.yaml").write_text(settings)
        self.git("add", "-A")
        self.git("commit", "-qm", "a version")
        return self.git("rev-parse", "HEAD")

    def object(self, md5: str) -> Path:
        return self.root / ".dvc/cache/files/md5" / md5[:2] / md5[2:]

    def _folder(self, files: Mapping[str, bytes]) -> str:
        listing = [
            {"md5": self._store(content), "relpath": name} for name, content in files.items()
        ]
        return self._store(json.dumps(listing).encode(), ".dir")

    def _store(self, content: bytes, suffix: str = "") -> str:
        md5 = hashlib.md5(content).hexdigest() + suffix
        self.object(md5).parent.mkdir(parents=True, exist_ok=True)
        self.object(md5).write_bytes(content)
        return md5


def json_bytes(value: Any) -> bytes:
    return json.dumps(value).encode()
