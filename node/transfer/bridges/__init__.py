"""Bridges: streams of partners that this node passes on to topics of brokers of its own city."""
