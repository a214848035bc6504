"""Reads versions, any of them, from Git and the DVC cache."""
