"""Ontologies, schemas and transformations over HTTP: to publish, check, try and draft."""
