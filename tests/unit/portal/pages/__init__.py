"""Pages of the portal, each by its task."""
