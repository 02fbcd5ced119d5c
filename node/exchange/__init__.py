"""Bytes: where they lie, how they are sealed for one recipient, the manifest that proves them."""
