"""Conditions that flow: what binds a result that is made of several inputs."""
