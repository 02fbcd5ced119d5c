"""The membership of this node in a region, for the people who look after it."""
