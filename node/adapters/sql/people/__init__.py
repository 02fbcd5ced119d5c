"""People of the node in the database."""
