"""What changed in the documents."""
