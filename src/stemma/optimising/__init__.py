"""Searches for a better next version, on DVC's experiments."""

from stemma.optimising.report import Report
from stemma.optimising.verb import optimise

__all__ = ["Report", "optimise"]
