"""Which versions a document went into: through their manifests, and from base to fine-tune."""
