"""The databases, their migrations and backups."""
