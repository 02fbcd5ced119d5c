"""Catalogues of others that come in."""
