"""Sources that are slow, down, or lie."""
