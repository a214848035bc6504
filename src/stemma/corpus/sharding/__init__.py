"""Shards of documents, and the pool that maps over them."""
