"""The chain of a scenario: its wiring, whether the ends fit, and the indicators of its results."""
