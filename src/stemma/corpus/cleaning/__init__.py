"""What is done to the text of one document."""
