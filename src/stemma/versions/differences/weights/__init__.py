"""What changed in the weights."""
