"""Transfers: pulled, pushed, sealed, resumed."""
