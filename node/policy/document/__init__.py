"""A policy as a document for people, in five languages."""
