"""Texts for people: one set of catalogues for every room, in five languages, and one reader of them."""
