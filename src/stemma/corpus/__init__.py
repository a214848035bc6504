"""What ingest and prepare are made of: sources, cleaning, duplicates, splits, packing."""
