"""Message brokers, whose messages streams take as observations."""
