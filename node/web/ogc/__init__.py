"""OGC API – Processes."""

from node.web.ogc.records import OgcRecords
from node.web.ogc.routes import OgcRoutes

__all__ = ["OgcRecords", "OgcRoutes"]
