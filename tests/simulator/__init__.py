"""Nodes in memory: the real machines, use cases and outbox over in-memory stores, joined by a link that lies."""
