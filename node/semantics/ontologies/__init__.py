"""Ontologies: their terms, the rules about these, and the changes of a new version for their users."""
