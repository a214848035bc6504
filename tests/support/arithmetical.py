"""Runs tests/support/arithmetic.py, here or on an emulated processor."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from stemma.environment import CAPS

SCRIPT = Path(__file__).with_name("arithmetic.py")


def arithmetic(asked: str, before: list[str] | None = None) -> dict[str, Any]:
    """Return what the script prints as ``runtime=portable`` has it.

    Args:
        asked: a number of threads, for digests; or ``errors``.
        before: words before the command.
    """
    command = [*(before or []), sys.executable, str(SCRIPT), asked]
    variables = os.environ | CAPS["avx2"]
    return json.loads(run(command, env=variables).stdout)


def run(command: list[str], again: int = 2, **options: Any) -> subprocess.CompletedProcess[bytes]:
    """Run a command that must succeed.

    Where the emulator itself dies of a signal, as qemu-user now and then does with many threads,
    it is run again, at most twice.
    """
    done = subprocess.run(command, check=False, capture_output=True, **options)
    if done.returncode < 0 and "qemu-x86_64" in command and again:
        return run(command, again - 1, **options)
    assert done.returncode == 0, f"exit {done.returncode}\n{done.stderr.decode()}"
    return done


def emulated(processor: str) -> list[str]:
    """Return the words that run what follows on one core of an emulated processor."""
    if not shutil.which("qemu-x86_64"):
        pytest.skip("needs qemu-x86_64 (Debian's qemu-user)")
    return ["taskset", "--cpu-list", "0", "qemu-x86_64", "-cpu", processor]
