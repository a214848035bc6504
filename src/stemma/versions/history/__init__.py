"""Every version of a repository, and how they descend from one another."""
