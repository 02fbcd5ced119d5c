"""Ontologies and schemas: their versions, their terms, data that follow them."""
