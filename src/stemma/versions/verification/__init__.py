"""Building a version again, and judging what came out."""
