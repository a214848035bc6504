"""Makes versions: one module per DVC stage, under the stage's name."""
