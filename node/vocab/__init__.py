"""The IRIs of the vocabularies in use. No code lives here."""
