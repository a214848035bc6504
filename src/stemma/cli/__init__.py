"""The ``stemma`` command."""

from stemma.cli import follow, keep, make, read, status
from stemma.cli.group import main

__all__ = ["follow", "keep", "main", "make", "read", "status"]
