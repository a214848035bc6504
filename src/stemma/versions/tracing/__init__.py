"""Where a document went: through manifests, and from version to version."""
