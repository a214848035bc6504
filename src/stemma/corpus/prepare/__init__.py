"""The steps of prepare, in their order."""
