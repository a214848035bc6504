"""What changed between two versions: a module of the same name for each section of a diff."""

SECTIONS = (
    "settings",
    "environment",
    "code",
    "data",
    "tokenizer",
    "weights",
    "metrics",
    "behaviour",
    "votes",
)
"""The sections in the order in which they are told: what went in, what it made, how good that is.

Each module has ``compare(a, b) -> Section | Alike``.
"""
