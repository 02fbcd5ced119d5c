"""Pages about people of this node: users, one-time links."""
