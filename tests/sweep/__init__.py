"""Every crash point, each in a conversation that passes it, between two real nodes (``python -m tests.sweep``)."""
