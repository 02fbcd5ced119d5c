"""Questions to features: filters in CQL2, and the features of a stored file that meet them."""
