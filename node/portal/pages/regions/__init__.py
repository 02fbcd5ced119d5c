"""Pages of a region, and of a node as its member."""
