"""One page on a version: facts first, and how they are printed apart from them."""
