"""Profiles and shapes against their official ones."""
