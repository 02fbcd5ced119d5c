"""The search entry of a record, and the limits of a search."""
