"""Runs versions behind an OpenAI-compatible API, and follows the registry."""
