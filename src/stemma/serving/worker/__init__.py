"""A process of its own that runs one version: texts in, texts out, over its standard streams."""
