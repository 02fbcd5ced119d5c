"""Webhooks, through the doors of a node."""
