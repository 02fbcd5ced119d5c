"""Commands for data sources."""
