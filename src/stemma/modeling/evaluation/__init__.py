"""How models are scored and measured on the test split."""
