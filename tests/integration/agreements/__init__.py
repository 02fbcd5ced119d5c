"""Agreements, their documents and what follows from them."""
