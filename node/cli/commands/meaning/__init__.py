"""Commands for ontologies and schemas."""
