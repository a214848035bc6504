"""Whether what a version sees in production is what it was evaluated on, and does as well."""

from stemma.monitoring.watching.verb import watch

__all__ = ["watch"]
