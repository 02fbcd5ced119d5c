"""Fakes of what the pages of the portal call."""
