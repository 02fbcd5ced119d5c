"""The catalogue as a document for harvesters."""
