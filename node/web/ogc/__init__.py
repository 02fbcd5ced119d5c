"""OGC API – Processes."""

from node.web.ogc.routes import OgcRoutes

__all__ = ["OgcRoutes"]
