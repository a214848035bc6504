"""Weights on disk: loading, saving, handing on."""
