"""Change layers: proposed changes to data that stay as they are."""
