"""A description against the shapes of the profiles."""
