"""Starts projects of one's own: `stemma init`."""
