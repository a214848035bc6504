"""How a figure is written: by every verb alike, so that one number never reads as two."""

import math

DIGITS = 4
"""After the point: as many as metrics.json had before it held all of them."""
_LARGE = 1e7  # a diverged perplexity may have three hundred digits


def figure(value: float | None, digits: int = DIGITS, sign: str = "") -> str:
    """Return a figure in words of a reader, with a real minus; "" for none.

    Args:
        value: not rounded.
        digits: after the point.
        sign: "+" to show it of positive numbers too.
    """
    if value is None:
        return ""
    # Without z, what rounds to nothing would be less than nothing.
    form = f"{sign}.{digits}g" if abs(value) >= _LARGE else f"{sign}z.{digits}f"
    return f"{value:{form}}".replace("-", "−")


def signed(value: float, digits: int = DIGITS) -> str:
    """Return a change, with its sign."""
    return figure(value, digits, "+")


def interval(low: float | None, high: float | None, digits: int = DIGITS, sign: str = "") -> str:
    """Return both ends of an interval; "" where there is none."""
    if low is None or high is None:
        return ""
    return f"{figure(low, digits, sign)} to {figure(high, digits, sign)}"


def digits_for(width: float) -> int:
    """Return the digits that an interval of this width leaves open two of, within reason."""
    return min(8, max(DIGITS, 1 - math.floor(math.log10(width)))) if width > 0 else DIGITS


def brief(value: float) -> str:
    """Return a number in two digits, for where only its size matters."""
    if math.isfinite(value):
        return f"{value:.2g}".replace("-", "−")
    return "NaN" if math.isnan(value) else "∞"
