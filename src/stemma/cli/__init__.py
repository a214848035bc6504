"""The ``stemma`` command."""

from stemma.cli import keep, make, read
from stemma.cli.group import main

__all__ = ["keep", "main", "make", "read"]
