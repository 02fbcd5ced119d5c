"""Webhooks: events of the node that are sent to programs of the city, as CloudEvents 1.0."""
