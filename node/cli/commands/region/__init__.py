"""The commands of a member of a region."""
