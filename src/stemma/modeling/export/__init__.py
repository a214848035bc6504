"""What the export stage is made of."""
