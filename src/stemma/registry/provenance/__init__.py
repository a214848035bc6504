"""Who made a version of what, and proof of it."""
