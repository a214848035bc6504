"""What the command line and the Python API call: one module per verb, returning data."""
