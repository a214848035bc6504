"""The ``stemma`` command: one module per verb, named after it, and imported when it is typed."""

from stemma.cli.group import main

__all__ = ["main"]
