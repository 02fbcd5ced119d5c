"""Verbs for what a person wants to know, and how."""
