"""One typed reader for each file of a version."""
