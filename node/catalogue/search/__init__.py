"""What a search sees of a record, and the limits of a search."""
