"""What a model is trained to do: one module each, chosen by ``task.name``."""
