"""Schemas: what a new version breaks, and which rows do not conform."""
