"""Streams of observations as Linked Data Event Streams, under contract."""
