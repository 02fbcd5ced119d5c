"""The chain of a scenario: what feeds what, whether the ends fit, and what is made of the end of it."""
