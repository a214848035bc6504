"""Takes a model from elsewhere into a repository, as a version: `stemma import`."""

from stemma.importing.verb import Imported, import_model

__all__ = ["Imported", "import_model"]
