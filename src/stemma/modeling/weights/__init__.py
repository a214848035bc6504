"""Weights on disk: loading, saving, copying."""
