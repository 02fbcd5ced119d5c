"""The extent of a table by its columns of coordinates."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Final

from node.semantics.profiles.model import BBox, ColumnProfile

_NORTH: Final = frozenset({"lat", "latitude", "breedtegraad", "breitengrad", "zemepisnasirka", "sirka", "stoplat"})
_EAST: Final = frozenset(
    {"lon", "lng", "long", "longitude", "lengtegraad", "langengrad", "zemepisnadelka", "delka", "stoplon"}
)


def box_of_columns(columns: Sequence[ColumnProfile]) -> BBox | None:
    """Return west, south, east, north in degrees, if two columns hold such coordinates."""
    norths, easts = _bounds(columns, _NORTH, 90), _bounds(columns, _EAST, 180)
    if norths is None or easts is None:
        return None
    return easts[0], norths[0], easts[1], norths[1]


def _bounds(columns: Sequence[ColumnProfile], names: frozenset[str], most: int) -> tuple[float, float] | None:
    for column in columns:
        plain = unicodedata.normalize("NFKD", column.name.casefold())
        if re.sub(r"[^a-z]", "", plain) in names and column.type in ("number", "integer") and column.minimum:
            least, greatest = float(column.minimum), float(column.maximum)
            if -most <= least <= greatest <= most:
                return least, greatest
    return None
