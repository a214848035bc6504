"""Cleaning: how the text of one document is normalised, judged and masked."""
