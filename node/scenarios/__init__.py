"""Models, scenarios, change layers and runs: one city's model on another city's data."""
