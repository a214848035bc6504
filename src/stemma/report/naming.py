"""What examples and documents are called that have no name: by their content, at any place."""

DIGITS = 16
"""Digits of a hash that a name has."""


def numbered(sha256: str, taken: dict[str, int]) -> str:
    """Return the name of something by its hash; from the second of the same on with a number.

    Args:
        sha256: of the content, in hexadecimal.
        taken: how often each name was given so far; this one is counted.
    """
    name = sha256[:DIGITS]
    taken[name] = taken.get(name, 0) + 1
    return name if taken[name] == 1 else f"{name}-{taken[name]}"
