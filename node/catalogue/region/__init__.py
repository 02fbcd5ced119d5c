"""A region as a node sees it that is about to join: its rulebook and the credentials that it issues."""
