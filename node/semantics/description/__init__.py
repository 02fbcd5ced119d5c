"""From the fields and documents that a steward submits to one description in RDF, and back."""
