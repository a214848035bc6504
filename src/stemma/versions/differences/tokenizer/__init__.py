"""What changed in the tokenizer."""
