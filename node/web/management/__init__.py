"""The management API: what this node's own people do, from the terminal, the portal or their own programs."""
