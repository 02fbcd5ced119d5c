"""What a node publishes, and how it is found and read."""
