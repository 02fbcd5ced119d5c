"""Records of the catalogue, read as models, templates, transformations and datasets."""
