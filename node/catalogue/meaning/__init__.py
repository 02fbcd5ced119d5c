"""The meaning of ontologies and schemas: the changes of a new version, and the assets that these concern."""
