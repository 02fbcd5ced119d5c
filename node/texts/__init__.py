"""Texts for people in five languages: the catalogues that all parts of the node share, and their reader."""
