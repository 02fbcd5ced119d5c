"""Stores of data sources."""
