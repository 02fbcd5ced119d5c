"""Streams of observations as Linked Data Event Streams (LDES 1.0 over TREE)."""
