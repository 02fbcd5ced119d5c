"""Coordinate systems and extents: names with one meaning, conversions, and the part of one area that is in another.

Rows carry EPSG:4326, longitude first. Belgian Lambert 72 is converted in plain Python: the formulas of IOGP
Guidance Note 7-2 (§3.1.1 Lambert Conic Conformal 2SP, §4.1.1 geocentric, §4.3.3 Position Vector) with the
parameters of the EPSG register, accurate to the metre that EPSG states for it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from node.base.errors import InvalidInput
from node.scenarios.tables.geometries import BBox, move

WGS84: Final = "EPSG:4326"
LAMBERT72: Final = "EPSG:31370"

_EPSG: Final = re.compile(
    r"(?:epsg:{1,2}\s*|urn:ogc:def:crs:epsg:[\w.]*:|https?://(?:www\.)?opengis\.net/def/crs/epsg/[\w.]+/"
    r"|https?://(?:www\.)?opengis\.net/gml/srs/epsg\.xml#|https?://epsg\.io/|https?://spatialreference\.org/ref/epsg/)?"
    r"(\d{4,6})/?"
)
_LONGITUDE_FIRST: Final = re.compile(
    r"(?:ogc:|urn:ogc:def:crs:ogc:[\w.]*:|https?://(?:www\.)?opengis\.net/def/crs/ogc/[\w.]+/)?crs84/?"
)
_SPOKEN: Final = {"wgs84": WGS84, "wgs1984": WGS84, "lambert72": LAMBERT72, "belgelambert72": LAMBERT72}


def normal(name: str) -> str:
    """Return one name for a coordinate system: ``EPSG:31370`` for the OGC codes, URNs and IRIs that mean it.

    CRS84 is EPSG:4326 here: they differ only in the order of axes, and rows have longitude first whatever the name.
    An unknown name is returned unchanged, without the spaces around it.
    """
    text = name.strip()
    lower_case = text.casefold()
    if north := _EPSG.fullmatch(lower_case):
        return f"EPSG:{north[1]}"
    if _LONGITUDE_FIRST.fullmatch(lower_case):
        return WGS84
    return _SPOKEN.get(re.sub(r"[\s_-]+", "", lower_case), text)


def convertible(source: str, target: str) -> bool:
    """Return whether rows in ``source`` can be converted to ``target`` here."""
    source, target = normal(source), normal(target)
    return source == target or (source, target) in _CONVERSIONS


def convert(geometry: Mapping[str, Any], source: str, target: str = WGS84) -> dict[str, Any]:
    """Return a checked geometry, converted to another system. Raises ``InvalidInput`` if that is not possible."""
    source, target = normal(source), normal(target)
    if source == target:
        return dict(geometry)
    if not convertible(source, target):
        raise InvalidInput(
            f"this node does not convert {source} to {target}",
            remedy=f"publish the data in {WGS84} as well",
            facts={"source": source, "target": target},
        )
    return move(geometry, _CONVERSIONS[source, target])


def share(inner: BBox, outer: BBox) -> float:
    """Return the share of ``inner`` that lies in ``outer``, 0 to 1. A rectangle without width or height is a line or
    a point."""
    parts = []
    for low, high in ((0, 2), (1, 3)):
        length = inner[high] - inner[low]
        common = min(inner[high], outer[high]) - max(inner[low], outer[low])
        if length <= 0:
            parts.append(1.0 if common >= 0 else 0.0)
        else:
            parts.append(min(1.0, max(0.0, common / length)))
    return parts[0] * parts[1]


def words(box: BBox) -> str:
    """Return a rectangle for people: ``3.58–3.86° E, 50.97–51.19° N``."""
    west, south, east, north = box
    return f"{west:.4g}–{east:.4g}° E, {south:.4g}–{north:.4g}° N"


# EPSG:31370 and its ellipsoid, International 1924; EPSG transformation 15929 (BD72 to WGS 84, 1 m).
_A: Final = 6378388.0
_E: Final = math.sqrt(2 / 297.0 - 1 / 297.0**2)
_FALSE_ORIGIN: Final = (math.radians(90.0), math.radians(4 + 22 / 60 + 2.952 / 3600))
_PARALLELS: Final = (math.radians(49 + 50 / 60 + 0.00204 / 3600), math.radians(51 + 10 / 60 + 0.00204 / 3600))
_FALSE: Final = (150000.013, 5400088.438)
_SHIFT: Final = (-106.8686, 52.2978, -103.7239)
_TURN: Final = tuple(math.radians(seconds / 3600) for seconds in (0.3366, -0.457, 1.8422))
_SCALE: Final = 1 - 1.2747e-6
_A84: Final = 6378137.0
_F84: Final = 1 / 298.257223563


def _t(latitude: float) -> float:
    sine = _E * math.sin(latitude)
    return math.tan(math.pi / 4 - latitude / 2) / math.pow((1 - sine) / (1 + sine), _E / 2)


def _m(latitude: float) -> float:
    return math.cos(latitude) / math.sqrt(1 - (_E * math.sin(latitude)) ** 2)


_N: Final = (math.log(_m(_PARALLELS[0])) - math.log(_m(_PARALLELS[1]))) / (
    math.log(_t(_PARALLELS[0])) - math.log(_t(_PARALLELS[1]))
)
_F: Final = _m(_PARALLELS[0]) / (_N * _t(_PARALLELS[0]) ** _N)


def lambert72(x: float, y: float) -> tuple[float, float]:
    """Return metres in Belgian Lambert 72 (EPSG:31370) as longitude and latitude in EPSG:4326.

    Raises ``InvalidInput`` for places outside Belgium, where the system is not defined; degrees are refused in the
    same way.
    """
    if not (10_000 <= x <= 300_000 and 10_000 <= y <= 260_000):
        raise InvalidInput(
            f"({x}, {y}) is not in the area of EPSG:31370",
            remedy="write easting and northing in metres, easting first",
        )
    east, north = x - _FALSE[0], _FALSE[1] - y
    radius = math.hypot(east, north)
    t = (radius / (_A * _F)) ** (1 / _N)
    longitude = math.atan2(east, north) / _N + _FALSE_ORIGIN[1]
    latitude = math.pi / 2 - 2 * math.atan(t)
    for _ in range(8):
        sine = _E * math.sin(latitude)
        latitude = math.pi / 2 - 2 * math.atan(t * ((1 - sine) / (1 + sine)) ** (_E / 2))
    return _to_wgs84(longitude, latitude)


def _to_wgs84(longitude: float, latitude: float) -> tuple[float, float]:
    curvature = _A / math.sqrt(1 - (_E * math.sin(latitude)) ** 2)
    x = curvature * math.cos(latitude) * math.cos(longitude)
    y = curvature * math.cos(latitude) * math.sin(longitude)
    z = curvature * (1 - _E**2) * math.sin(latitude)
    turn_x, turn_y, turn_z = _TURN
    u = _SHIFT[0] + _SCALE * (x - turn_z * y + turn_y * z)
    v = _SHIFT[1] + _SCALE * (turn_z * x + y - turn_x * z)
    w = _SHIFT[2] + _SCALE * (-turn_y * x + turn_x * y + z)
    eccentricity = _F84 * (2 - _F84)
    across = math.hypot(u, v)
    north = math.atan2(w, across * (1 - eccentricity))
    for _ in range(8):
        curvature = _A84 / math.sqrt(1 - eccentricity * math.sin(north) ** 2)
        north = math.atan2(w + eccentricity * curvature * math.sin(north), across)
    return math.degrees(math.atan2(v, u)), math.degrees(north)


_CONVERSIONS: Final[Mapping[tuple[str, str], Callable[[float, float], tuple[float, float]]]] = {
    (LAMBERT72, WGS84): lambert72,
}
