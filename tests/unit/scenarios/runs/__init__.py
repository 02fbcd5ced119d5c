"""Runs and jobs."""
