"""Data sources, through the doors of a node."""
