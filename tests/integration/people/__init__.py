"""People, their accounts, roles and keys."""
