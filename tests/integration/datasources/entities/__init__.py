"""Entities of a context broker under contract."""
