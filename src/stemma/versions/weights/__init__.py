"""The weights of two models, side by side."""
