"""Extents in degrees: of a table by its columns of coordinates, of edges, and around others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from node.semantics.codelists.lookup import fold
from node.semantics.model import BBox
from node.semantics.profiles.model import ColumnProfile

NORTH: Final = frozenset({"lat", "latitude", "breedtegraad", "breitengrad", "zemepisnasirka", "sirka", "stoplat"})
EAST: Final = frozenset(
    {"lon", "lng", "long", "longitude", "lengtegraad", "langengrad", "zemepisnadelka", "delka", "stoplon"}
)


def box_of_columns(columns: Sequence[ColumnProfile]) -> BBox | None:
    """Return west, south, east, north in degrees, if two columns hold such coordinates."""
    norths, easts = _bounds(columns, NORTH, 90), _bounds(columns, EAST, 180)
    if norths is None or easts is None:
        return None
    return in_degrees((easts[0], norths[0], easts[1], norths[1]))


def in_degrees(edges: Sequence[float]) -> BBox | None:
    """Return west, south, east, north, rounded to a metre; None if they are not degrees."""
    west, south, east, north = (round(float(edge), 5) for edge in edges)
    return (west, south, east, north) if -180 <= west <= east <= 180 and -90 <= south <= north <= 90 else None


def around(boxes: Sequence[BBox]) -> BBox | None:
    """Return the extent around ``boxes``; None if there are none."""
    if not boxes:
        return None
    west, south, east, north = zip(*boxes, strict=True)
    return min(west), min(south), max(east), max(north)


def _bounds(columns: Sequence[ColumnProfile], names: frozenset[str], most: int) -> tuple[float, float] | None:
    for column in columns:
        plain = "".join(c for c in fold(column.name) if c.isalpha())
        if plain in names and column.type in ("number", "integer") and column.minimum:
            least, greatest = float(column.minimum), float(column.maximum)
            if -most <= least <= greatest <= most:
                return least, greatest
    return None
