"""Findings about a description, in words."""
