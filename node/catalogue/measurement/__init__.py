"""The quality of what the node describes, over time."""
