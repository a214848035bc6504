"""Bases: the trained models that training starts from, fetched and laid out in one way."""
