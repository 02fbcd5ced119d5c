"""Streams: observations that arrive all the time, kept for a while, and read under contract as data sources are."""
