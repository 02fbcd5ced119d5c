"""The feed of this catalogue: a chain of versions for each audience, its pages, its signed heads."""
