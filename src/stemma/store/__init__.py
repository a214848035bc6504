"""What Git and DVC keep of a repository, read from below: no model code, no terminal."""
