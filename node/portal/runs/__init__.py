"""Runs, results and change layers, prepared for pages."""
