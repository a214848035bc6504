"""The ``stemma`` command: one module per verb, named after it."""

from stemma.cli import (
    bisect,
    compose,
    diff,
    forget,
    fsck,
    gc,
    log,
    show,
    status,
    trace,
    verify,
)
from stemma.cli.group import main

__all__ = [
    "bisect",
    "compose",
    "diff",
    "forget",
    "fsck",
    "gc",
    "log",
    "main",
    "show",
    "status",
    "trace",
    "verify",
]
