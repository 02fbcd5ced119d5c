"""Data sources, without storage and network."""
