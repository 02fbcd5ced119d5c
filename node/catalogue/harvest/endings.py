"""The endings of catalogue files, and the media types that they stand for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

MEDIA_TYPES: Final[Mapping[str, str]] = {
    ".ttl": "text/turtle",
    ".jsonld": "application/ld+json",
    ".rdf": "application/rdf+xml",
    ".xml": "application/rdf+xml",
    ".owl": "application/rdf+xml",
    ".nt": "application/n-triples",
    ".nq": "application/n-quads",
    ".trig": "application/trig",
    ".json": "application/ld+json",
    ".geojson": "application/ld+json",
}
"""Ending → media type of RDF, in the order in which people read them. GeoJSON is that of OGC API - Records."""
