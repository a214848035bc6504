"""Whether one version is better than another."""
