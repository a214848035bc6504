"""From documents to batches, in an order that the seed fixes."""
