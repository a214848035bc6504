"""What train, evaluate and export are made of: families, optimisers, measures."""
