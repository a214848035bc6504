"""How a model is trained: methods, optimisers, checkpoints, curves."""
