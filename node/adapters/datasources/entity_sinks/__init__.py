"""Received entities on their way into a context broker."""
