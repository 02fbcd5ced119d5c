"""Bytes: their storage, their sealing for one recipient, and the manifest that proves a delivery."""
