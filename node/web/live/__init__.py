"""The door for data that are read where they are."""
