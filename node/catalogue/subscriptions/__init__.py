"""Subscriptions of people of this node: to assets, and to what appears in a search."""
