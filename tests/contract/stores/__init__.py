"""Contracts of what is stored."""
