"""Searches for a better next version, on DVC's experiments."""

from stemma.optimising.optimise import optimise
from stemma.optimising.report import Report

__all__ = ["Report", "optimise"]
