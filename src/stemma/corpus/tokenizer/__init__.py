"""Tokenizers: their settings, training and use."""
