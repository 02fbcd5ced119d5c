"""Pages of the data themselves."""
