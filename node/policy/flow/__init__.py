"""Conditions that flow: the conditions that bind a result made from several inputs."""
