"""What train, evaluate and export are made of: examples, optimisers, metrics, formats."""
