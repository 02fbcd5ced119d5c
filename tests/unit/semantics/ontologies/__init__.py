"""Ontologies: terms, inferences, alignments, points."""
