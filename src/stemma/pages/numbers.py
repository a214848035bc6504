"""How numbers are written: every verb does it alike, so that one number never reads as two."""

import math

DIGITS = 4
"""Digits after the decimal point, unless more are asked for."""
_LARGE = 1e7  # a diverged perplexity may have three hundred digits


def written(value: float | None, digits: int = DIGITS, sign: str = "") -> str:
    """Return a number as it is written, with a real minus sign; "" for None.

    Args:
        value: the number, not rounded.
        digits: how many to write after the decimal point.
        sign: "+" to write a plus before positive numbers.
    """
    if value is None:
        return ""
    # Without z, a small negative number would be written as −0.0000.
    form = f"{sign}.{digits}g" if abs(value) >= _LARGE else f"{sign}z.{digits}f"
    return f"{value:{form}}".replace("-", "−")


def signed(value: float, digits: int = DIGITS) -> str:
    """Return a change as it is written, with its sign."""
    return written(value, digits, "+")


def interval(low: float | None, high: float | None, digits: int = DIGITS, sign: str = "") -> str:
    """Return an interval as it is written, by its ends; "" where there is none."""
    if low is None or high is None:
        return ""
    return f"{written(low, digits, sign)} to {written(high, digits, sign)}"


def digits_for(width: float) -> int:
    """Return how many digits show two that are uncertain, given the interval's width: 4 to 8."""
    return min(8, max(DIGITS, 1 - math.floor(math.log10(width)))) if width > 0 else DIGITS


def brief(value: float) -> str:
    """Return a number to two significant digits, for where only its size matters."""
    if math.isfinite(value):
        return f"{value:.2g}".replace("-", "−")
    return "NaN" if math.isnan(value) else "∞"
