"""Repairs of harvested records, as rules: named, ordered, reversible."""
