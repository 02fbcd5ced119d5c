"""Profiles of data files: what a file itself says about its content, as the draft of a description."""
