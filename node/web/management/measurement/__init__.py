"""The API of the quality of the catalogue."""
