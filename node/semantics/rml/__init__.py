"""RML: mappings that make statements of RDF out of tables, JSON and XML, and YARRRML, which is short for them."""
