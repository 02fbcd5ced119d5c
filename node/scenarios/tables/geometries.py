"""Geometries of rows: GeoJSON geometry objects (RFC 7946 §3.1), longitude before latitude, in degrees."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from node.base.errors import InvalidInput
from node.scenarios.model import GEOMETRY, Rows

BBox = tuple[float, float, float, float]
"""West, south, east, north, in degrees."""

DECIMALS: Final = 7
"""Decimals of a degree: about a centimetre."""

MAX_POSITIONS: Final = 200_000

_DEPTHS: Final = {
    "Point": 0,
    "MultiPoint": 1,
    "LineString": 1,
    "MultiLineString": 2,
    "Polygon": 2,
    "MultiPolygon": 3,
}
_SHORTEST: Final = {"LineString": 2, "MultiLineString": 2, "Polygon": 4, "MultiPolygon": 4}


def check(geometry: Any, *, degrees: bool = True) -> dict[str, Any]:
    """Return ``geometry`` as a GeoJSON geometry object with its own members only.

    Raises ``InvalidInput`` for other types, positions that are not finite numbers, lines of one position, rings that
    have fewer than four positions or are not closed, and (with ``degrees``) coordinates that are not longitude and
    latitude.
    """
    return _check(geometry, degrees, 0)


def _check(geometry: Any, degrees: bool, depth: int) -> dict[str, Any]:
    kind = geometry.get("type") if isinstance(geometry, Mapping) else None
    if kind == "GeometryCollection" and depth < 4:
        inner = geometry.get("geometries")
        if not isinstance(inner, list):
            raise InvalidInput(
                "a GeometryCollection has no list of geometries", remedy="give it a member geometries, with a list"
            )
        return {"type": kind, "geometries": [_check(one, degrees, depth + 1) for one in inner]}
    if not isinstance(kind, str) or kind not in _DEPTHS:
        raise InvalidInput(
            f"{str(kind)[:40]} is not a type of geometry",
            remedy=f"GeoJSON knows {', '.join(_DEPTHS)} (RFC 7946 §1.4)",
        )
    coordinates = geometry.get("coordinates")
    count = 0
    for position in _positions(coordinates, _DEPTHS[kind]):
        _check_position(position, degrees)
        count += 1
    if count > MAX_POSITIONS:
        raise InvalidInput(
            f"a geometry has {count} positions", remedy=f"at most {MAX_POSITIONS} are read: simplify it"
        )
    for line in _lines(coordinates, _DEPTHS[kind]) if kind in _SHORTEST else ():
        if len(line) < _SHORTEST[kind]:
            raise InvalidInput(
                f"a {kind} has a line of {len(line)} positions; it needs {_SHORTEST[kind]}",
                remedy="add the missing positions",
            )
        if "Polygon" in kind and list(line[0]) != list(line[-1]):
            raise InvalidInput(f"a ring of a {kind} is not closed", remedy="end each ring with its first position")
    return {"type": kind, "coordinates": coordinates}


def _check_position(position: Any, degrees: bool) -> None:
    if (
        not isinstance(position, Sequence)
        or isinstance(position, str)
        or not 2 <= len(position) <= 4
        or not all(
            isinstance(one, int | float) and not isinstance(one, bool) and math.isfinite(one) for one in position
        )
    ):
        raise InvalidInput(f"{str(position)[:60]} is not a position", remedy="write [longitude, latitude] in numbers")
    if degrees and (abs(position[0]) > 180 or abs(position[1]) > 90):
        raise InvalidInput(
            f"{list(position[:2])} is not a longitude and latitude",
            remedy="GeoJSON is in degrees, longitude first (RFC 7946 §4); name another system in its crs",
        )


def _positions(coordinates: Any, depth: int) -> Iterator[Any]:
    if depth == 0:
        yield coordinates
        return
    if not isinstance(coordinates, Sequence) or isinstance(coordinates, str):
        raise InvalidInput(
            f"{str(coordinates)[:60]} is not a list of positions",
            remedy="write positions as [[longitude, latitude], …]",
        )
    for coordinate in coordinates:
        yield from _positions(coordinate, depth - 1)


def _lines(coordinates: Any, depth: int) -> Iterator[Any]:
    if depth == 1:
        yield coordinates
        return
    for coordinate in coordinates:
        yield from _lines(coordinate, depth - 1)


def positions(geometry: Mapping[str, Any]) -> Iterator[tuple[float, float]]:
    """Yield longitude and latitude of every position of a checked geometry."""
    if geometry["type"] == "GeometryCollection":
        for one in geometry["geometries"]:
            yield from positions(one)
        return
    for position in _positions(geometry["coordinates"], _DEPTHS[geometry["type"]]):
        yield float(position[0]), float(position[1])


def move(geometry: Mapping[str, Any], to: Callable[[float, float], tuple[float, float]]) -> dict[str, Any]:
    """Return a checked geometry with each position moved; heights stay as they are."""
    if geometry["type"] == "GeometryCollection":
        return {"type": "GeometryCollection", "geometries": [move(one, to) for one in geometry["geometries"]]}

    def walk(coordinates: Any, depth: int) -> Any:
        if depth == 0:
            return [*to(coordinates[0], coordinates[1]), *coordinates[2:]]
        return [walk(coordinate, depth - 1) for coordinate in coordinates]

    return {"type": geometry["type"], "coordinates": walk(geometry["coordinates"], _DEPTHS[geometry["type"]])}


def extent(rows: Rows) -> BBox | None:
    """Return the rectangle around the geometries of rows; None if no row has one."""
    points = [position for row in rows if row.get(GEOMETRY) for position in positions(row[GEOMETRY])]
    if not points:
        return None
    return (
        min(x for x, _ in points),
        min(y for _, y in points),
        max(x for x, _ in points),
        max(y for _, y in points),
    )
