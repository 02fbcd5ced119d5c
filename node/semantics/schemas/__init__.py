"""Schemas: breaking changes of a new version, and rows that do not conform."""
