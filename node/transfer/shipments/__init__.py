"""Shipments: received files that this node sends to data sources of its own city."""
