"""Differences between two versions of an asset."""
