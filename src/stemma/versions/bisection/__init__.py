"""Finding the first version that is worse: the search, and the trial of a single version."""
