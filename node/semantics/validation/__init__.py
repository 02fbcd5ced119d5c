"""Check a description against the shapes of the profiles."""
