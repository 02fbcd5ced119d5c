"""The pages of ontologies and schemas."""
