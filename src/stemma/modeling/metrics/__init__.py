"""The formulas of the metrics, and their names."""
