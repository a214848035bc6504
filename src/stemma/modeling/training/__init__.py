"""What the train stage is made of."""
