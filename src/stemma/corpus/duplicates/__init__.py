"""What documents have in common: duplicates, boilerplate, contamination."""
