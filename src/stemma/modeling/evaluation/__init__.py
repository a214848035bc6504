"""What the evaluate stage is made of."""
