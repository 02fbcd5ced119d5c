"""Bytes: how they are stored, sealed for one recipient, and proved by a manifest."""
