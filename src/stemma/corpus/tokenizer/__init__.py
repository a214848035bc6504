"""Tokenizers: settings, making, encoding."""
