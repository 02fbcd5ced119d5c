"""Runs of scenarios: bound, executed step by step, traced and published."""
