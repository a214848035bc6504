"""What computes the next token: one module per engine, all with the same `Engine`."""
