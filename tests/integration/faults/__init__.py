"""Faults of disk, database, clock, network and processes."""
