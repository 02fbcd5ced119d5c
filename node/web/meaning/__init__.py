"""The meaning of ontologies and schemas over HTTP."""
