"""Stores of what the people who run a node look after."""
