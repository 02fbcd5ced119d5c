"""The membership of this node in a region, over HTTP."""
