"""Records of other catalogues."""
