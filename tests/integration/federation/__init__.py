"""Members, their feeds and the catalogue of a region."""
