"""How a trained model is prepared for others: formats, conventions, model card."""
