"""Whether stored objects are there and sound."""
