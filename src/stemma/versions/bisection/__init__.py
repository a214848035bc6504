"""Finding the first worse version of a history."""
