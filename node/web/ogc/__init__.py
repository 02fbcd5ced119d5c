"""OGC API – Processes."""

from node.web.ogc.door import OgcDoor

__all__ = ["OgcDoor"]
