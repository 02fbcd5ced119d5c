"""Descriptions: documents in and out, canonical form, shapes, ontologies, schemas, kinds of assets."""
