"""Benchmarks: honest figures as ratios against a named baseline of the same run. Never asserted in tests."""
