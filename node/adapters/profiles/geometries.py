"""Geometries from their binary form (WKB, of the OGC and of EWKB) to GeoJSON, in degrees."""

from __future__ import annotations

import math
import struct
from typing import Any, Final

DIGITS: Final = 6
"""Decimals of a degree: about a decimetre."""
_DEEPEST: Final = 4
_SINGLE: Final = {1: "Point", 2: "LineString", 3: "Polygon"}
_MULTIPLE: Final = {4: "MultiPoint", 5: "MultiLineString", 6: "MultiPolygon"}
_COLLECTION: Final = 7
_HAS_Z, _HAS_M, _HAS_SRID = 0x80000000, 0x40000000, 0x20000000


class NoGeometry(ValueError):
    """The bytes are no geometry that a map can show: an unknown kind, an empty one, or places beyond the degrees."""


class GeometryReader:
    """Reads geometries until it has read ``most`` positions. ``count`` is how many it has read."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.count = 0

    def read(self, wkb: bytes) -> dict[str, Any]:
        """Return a geometry of GeoJSON (RFC 7946 §3.1). Raises ``NoGeometry``."""
        try:
            geometry, _ = self._geometry(wkb, 0, 0)
        except (struct.error, IndexError, KeyError) as error:
            raise NoGeometry("the geometry is damaged") from error
        return geometry

    @property
    def is_full(self) -> bool:
        """Return whether no further position may be read."""
        return self.count >= self.most

    def _geometry(self, wkb: bytes, at: int, depth: int) -> tuple[dict[str, Any], int]:
        if depth > _DEEPEST:
            raise NoGeometry("the geometry is nested too deeply")
        order = "<" if wkb[at] == 1 else ">"
        (code,) = struct.unpack_from(f"{order}I", wkb, at + 1)
        at += 5 + (4 if code & _HAS_SRID else 0)
        kind = code & 0x0FFFFFFF
        extra = bool(code & _HAS_Z) + bool(code & _HAS_M) + {0: 0, 1: 1, 2: 1, 3: 2}[kind // 1000]
        kind %= 1000
        if kind in _SINGLE:
            coordinates, at = self._coordinates(wkb, at, order, kind, 2 + extra)
            return {"type": _SINGLE[kind], "coordinates": coordinates}, at
        if kind not in _MULTIPLE and kind != _COLLECTION:
            raise NoGeometry("the geometry is of an unknown kind")
        (parts,) = struct.unpack_from(f"{order}I", wkb, at)
        at += 4
        members = []
        for _ in range(parts):
            member, at = self._geometry(wkb, at, depth + 1)
            members.append(member)
        if not members:
            raise NoGeometry("the geometry is empty")
        if kind == _COLLECTION:
            return {"type": "GeometryCollection", "geometries": members}, at
        if any(member["type"] != _SINGLE[kind - 3] for member in members):
            raise NoGeometry("the geometry has parts of another kind")
        return {"type": _MULTIPLE[kind], "coordinates": [member["coordinates"] for member in members]}, at

    def _coordinates(self, wkb: bytes, at: int, order: str, kind: int, size: int) -> tuple[Any, int]:
        if kind == 1:
            positions, at = self._positions(wkb, at, order, 1, size)
            return positions[0], at
        if kind == 2:
            (length,) = struct.unpack_from(f"{order}I", wkb, at)
            return self._positions(wkb, at + 4, order, length, size)
        (rings,) = struct.unpack_from(f"{order}I", wkb, at)
        at += 4
        lines = []
        for _ in range(rings):
            (length,) = struct.unpack_from(f"{order}I", wkb, at)
            line, at = self._positions(wkb, at + 4, order, length, size)
            lines.append(line)
        if not lines:
            raise NoGeometry("the geometry is empty")
        return lines, at

    def _positions(self, wkb: bytes, at: int, order: str, length: int, size: int) -> tuple[list[list[float]], int]:
        if length == 0 or length * size * 8 > len(wkb) - at:
            raise NoGeometry("the geometry is empty or damaged")
        self.count += length
        if self.count > self.most:
            raise NoGeometry("the geometry has more positions than a map may have")
        end = at + length * size * 8
        positions = []
        for values in struct.iter_unpack(f"{order}{size}d", wkb[at:end]):
            x, y = values[0], values[1]
            if not (math.isfinite(x) and math.isfinite(y) and abs(x) <= 180 and abs(y) <= 90):
                raise NoGeometry("the geometry is not in degrees")
            positions.append([round(x, DIGITS), round(y, DIGITS)])
        return positions, end
