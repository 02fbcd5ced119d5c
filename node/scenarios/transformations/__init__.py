"""Transformations: carried out, checked before they are published, and tried on a sample."""
