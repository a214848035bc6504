"""What one page tells of a version: where it stands, what made it, where its bytes are."""
