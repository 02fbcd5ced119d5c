"""Drafts of descriptions that people make on pages, from a data file to its publication."""
