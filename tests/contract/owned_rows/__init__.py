"""Stores whose rows one process owns at a time."""
