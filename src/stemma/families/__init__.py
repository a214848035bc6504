"""Model families: one module each, chosen by ``model.family``."""
