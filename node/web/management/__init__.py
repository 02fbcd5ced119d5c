"""The management API: the actions of this node's own people, from the terminal, the portal or their own programs."""
