"""Stemma: version control for language models, on Git and DVC."""
