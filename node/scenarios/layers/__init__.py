"""Change layers: what somebody would change in data that stay as they are."""
