"""The colours by which a terminal and the HTML page tell better from worse, new from old."""

from stemma.pages.blocks import Tone

TERMINAL: dict[Tone, str] = {
    "": "",
    "better": "green",
    "worse": "red",
    "added": "cyan",
    "removed": "yellow",
    "muted": "dim",
}
"""The style of each tone, as rich takes it."""
UNKNOWN = "unknown"
"""The style of what is missing or cannot be told, in a terminal."""
THEME = {
    "good": "green",
    "bad": "red",
    "alarm": "bold red",
    "unknown": "yellow",
    "commit": "yellow",
    "name": "bold cyan",
    "stage": "bold green",
    "quiet": "dim",
}
"""What the names of styles stand for in a terminal, whichever verb prints there."""

LIGHT = {
    "ink": "#1c2024",
    "soft": "#60646c",
    "ground": "#fcfcfd",
    "line": "#d9d9e0",
    "card": "#fff",
    "good": "#18794e",
    "bad": "#c62a2f",
    "new": "#0b68cb",
    "old": "#8a5a00",
    "plus": "#d5eaff",
    "minus": "#ffecc2",
    "heat": "240, 130, 70",
}
"""The page by day: ``good`` to ``old`` are the inks of better, worse, added and removed; ``plus``
and ``minus`` stand behind words that were added and removed; ``heat`` is the strongest of a
heatmap, in red, green and blue."""
DARK = {
    "ink": "#edeef0",
    "soft": "#b0b4ba",
    "ground": "#111113",
    "line": "#363a3f",
    "card": "#18191b",
    "good": "#3dd68c",
    "bad": "#ff9592",
    "new": "#70b8ff",
    "old": "#ffca16",
    "plus": "#0d2d4d",
    "minus": "#4d3800",
    "heat": "175, 70, 25",
}
"""The page by night, for whoever prefers dark pages."""


def heat(share: float) -> tuple[str, str]:
    """Return ink and ground of a cell of a heatmap in a terminal, as rich takes them.

    Args:
        share: how strong its colour is, 0 to 1.
    """
    ground = round(255 - 60 * share), round(245 - 175 * share), round(235 - 190 * share)
    return "black" if share < 0.7 else "white", "rgb({},{},{})".format(*ground)
