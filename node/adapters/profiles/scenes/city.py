"""CityJSON 1.0 to 2.0 as a scene: its objects with their surfaces, in metres around the middle of the whole.

The surfaces stay polygons with holes; the viewer cuts them into triangles. An object whose geometry has an error
stays in the list without it, so that one fault does not hide a city.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from node.adapters.profiles.trees import EPSG
from node.base.errors import InvalidInput

LONGEST: Final = 300
"""Characters of a value."""
MOST_COLUMNS: Final = 40

_DEGREES: Final = frozenset({"4326", "4258", "4979", "4937"})
"""Coordinate reference systems whose first two coordinates are degrees."""
_DEGREE: Final = 111_320.0
"""Metres of a degree of latitude."""
_DEPTHS: Final = {
    "MultiSurface": 0,
    "CompositeSurface": 0,
    "Solid": 1,
    "MultiSolid": 2,
    "CompositeSolid": 2,
}
"""Lists around the surfaces of a geometry (CityJSON 2.0, §3.2)."""
_ERRORS: Final = (TypeError, ValueError, KeyError, IndexError, AttributeError, OverflowError)

_Point = tuple[float, float, float]
_Surface = tuple[str, list[list[_Point]]]
"""The kind of a surface (empty: not stated), and its rings: the outer one, and holes."""


class City:
    """The document, and the corners of its geometries in metres around ``origin``."""

    def __init__(self, content: Mapping[str, Any]) -> None:
        """Raises ``InvalidInput`` for a document without objects or with vertices that are no places."""
        objects = content.get("CityObjects")
        if not isinstance(objects, dict):
            raise InvalidInput("the CityJSON document has no CityObjects", remedy="export it again")
        self.objects: list[tuple[str, Mapping[str, Any]]] = [
            (str(name), item) for name, item in objects.items() if isinstance(item, dict)
        ]
        self.metadata = content["metadata"] if isinstance(content.get("metadata"), dict) else {}
        match = EPSG.search(str(self.metadata.get("referenceSystem", "")))
        self.crs = f"EPSG:{match[1]}" if match else ""
        self.version = str(content.get("version", ""))[:10]
        self._templates = content["geometry-templates"] if isinstance(content.get("geometry-templates"), dict) else {}
        try:
            self._vertices = _vertices(content)
        except _ERRORS as error:
            raise InvalidInput(
                f"the vertices of the CityJSON document have an error of form: {error}", remedy="export it again"
            ) from error
        self.extent = _extent(self._vertices)
        west, south, low, east, north, _ = self.extent
        self.origin = ((west + east) / 2, (south + north) / 2, low)
        across = math.cos(math.radians(max(min(self.origin[1], 89.0), -89.0))) * _DEGREE
        self.scale = (across, _DEGREE, 1.0) if match and match[1] in _DEGREES else (1.0, 1.0, 1.0)

    def surfaces(self, geometry: Mapping[str, Any]) -> list[_Surface]:
        """Return the surfaces of a geometry; none if it is made of points or lines. Raises the errors of a wrong
        form."""
        if geometry["type"] == "GeometryInstance":
            return self._instance(geometry)
        return list(_surfaces(geometry, self._vertices))

    def _instance(self, geometry: Mapping[str, Any]) -> list[_Surface]:
        """A template, turned and moved to its place (CityJSON 2.0, §3.4)."""
        template = self._templates["templates"][geometry["template"]]
        matrix = [float(number) for number in geometry["transformationMatrix"]]
        if len(matrix) != 16:
            raise ValueError("a transformation has sixteen numbers")
        x, y, z = self._vertices[geometry["boundaries"][0]]
        corners = [_numbers(vertex) for vertex in self._templates["vertices-templates"]]
        points = [
            (
                matrix[0] * a + matrix[1] * b + matrix[2] * c + matrix[3] + x,
                matrix[4] * a + matrix[5] * b + matrix[6] * c + matrix[7] + y,
                matrix[8] * a + matrix[9] * b + matrix[10] * c + matrix[11] + z,
            )
            for a, b, c in corners
        ]
        if not all(math.isfinite(number) for point in points for number in point):
            raise ValueError("a template is not at a place")
        return list(_surfaces(template, points))

    def local(self, point: _Point) -> _Point:
        """Return a corner in metres around the origin, to the millimetre."""
        x, y, z = ((point[axis] - self.origin[axis]) * self.scale[axis] for axis in range(3))
        return round(x, 3), round(y, 3), round(z, 3)


def _vertices(content: Mapping[str, Any]) -> list[_Point]:
    transform = content.get("transform") or {"scale": [1, 1, 1], "translate": [0, 0, 0]}
    scale, translation = _numbers(transform["scale"]), _numbers(transform["translate"])
    vertices: list[_Point] = []
    for vertex in content.get("vertices") or []:
        x, y, z = vertex
        point = (x * scale[0] + translation[0], y * scale[1] + translation[1], z * scale[2] + translation[2])
        if not (math.isfinite(point[0]) and math.isfinite(point[1]) and math.isfinite(point[2])):
            raise ValueError("a vertex is not a place")
        vertices.append(point)
    return vertices


def _numbers(values: Sequence[Any]) -> _Point:
    x, y, z = (float(value) for value in values)
    return x, y, z


def _extent(points: Sequence[_Point]) -> tuple[float, ...]:
    if not points:
        return (0.0,) * 6
    low = [min(point[axis] for point in points) for axis in range(3)]
    high = [max(point[axis] for point in points) for axis in range(3)]
    return (*low, *high)


def _surfaces(geometry: Mapping[str, Any], vertices: Sequence[_Point]) -> Iterator[_Surface]:
    depth = _DEPTHS.get(geometry["type"])
    if depth is None:
        return
    semantics = geometry.get("semantics") or {}
    kinds = [str(surface.get("type", ""))[:LONGEST] for surface in semantics.get("surfaces") or []]
    for rings, kind in _flat(geometry["boundaries"], semantics.get("values"), depth):
        corners = [[vertices[_index(number)] for number in ring] for ring in rings]
        known = isinstance(kind, int) and not isinstance(kind, bool) and 0 <= kind < len(kinds)
        yield kinds[kind] if known else "", [ring for ring in corners if len(ring) > 2]


def _index(number: Any) -> int:
    if not isinstance(number, int) or number < 0:
        raise ValueError("a corner is not the number of a vertex")
    return number


def _flat(boundaries: Any, values: Any, depth: int) -> Iterator[tuple[Any, Any]]:
    values = values if isinstance(values, list) else []
    for place, part in enumerate(boundaries):
        value = values[place] if place < len(values) else None
        if depth:
            yield from _flat(part, value, depth - 1)
        else:
            yield part, value


def read_city(content: Mapping[str, Any], most: int, corners: int) -> tuple[dict[str, Any], bytes]:
    """Return the facts of a CityJSON document, and at most ``most`` objects with ``corners`` corners of surfaces in
    all as the members ``vertices``, ``kinds`` and ``objects`` of JSON. Raises ``InvalidInput``."""
    city = City(content)
    drawing = _Drawing(city, corners)
    names = list(dict.fromkeys(str(name) for _, item in city.objects for name in _attributes(item)))[:MOST_COLUMNS]
    numbers = {name: _is_numeric(city, name) for name in names}
    objects = []
    for name, item in city.objects[:most]:
        if drawing.is_full:
            break
        objects.append(drawing.read(name, item, names))
    _add_heights(objects)
    types = Counter(_type(item) for _, item in city.objects)
    lods = {lod for _, item in city.objects for geometry in _geometries(item) if (lod := _lod(geometry))}
    facts = {
        "format": "CityJSON",
        "version": city.version,
        "crs": city.crs,
        "extent": list(city.extent),
        "size": [round((city.extent[axis + 3] - city.extent[axis]) * city.scale[axis], 1) for axis in range(3)],
        "types": types.most_common(20),
        "lods": sorted(lods)[:20],
        "columns": [[name, numbers[name]] for name in names],
        "shown": len(objects),
        "total": len(city.objects),
        "skipped": sum(item["omitted"] for item in objects),
    }
    scene = {"vertices": drawing.vertices, "kinds": list(drawing.kinds), "objects": objects}
    return facts, json.dumps(scene, ensure_ascii=False, allow_nan=False).encode("utf-8", errors="replace")


class _Drawing:
    """The corners that objects use, each once, up to a limit."""

    def __init__(self, city: City, corners: int) -> None:
        self._city = city
        self._room = corners
        self._numbers: dict[_Point, int] = {}
        self.vertices: list[float] = []
        self.kinds: dict[str, int] = {}

    @property
    def is_full(self) -> bool:
        return self._room < 0

    def read(self, name: str, item: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
        attributes = _attributes(item)
        parents = item.get("parents")
        lod, surfaces, is_broken = self._finest(item)
        surface_numbers = []
        low, high = math.inf, -math.inf
        for kind, rings in surfaces:
            self._room -= sum(len(ring) for ring in rings)
            if not rings or self.is_full:
                continue
            low = min(low, *(point[2] for ring in rings for point in ring))
            high = max(high, *(point[2] for ring in rings for point in ring))
            number = self.kinds.setdefault(kind, len(self.kinds))
            surface_numbers.append([number, *([self._number(point) for point in ring] for ring in rings)])
        return {
            "id": name[:LONGEST],
            "type": _type(item),
            "parent": str(parents[0])[:LONGEST] if isinstance(parents, list) and parents else "",
            "lod": lod,
            "height": round(high - low, 2) if surface_numbers else None,
            "omitted": is_broken,
            "properties": {name: value for name in names if (value := _value(attributes.get(name))) is not None},
            "surfaces": surface_numbers,
        }

    def _finest(self, item: Mapping[str, Any]) -> tuple[str, list[_Surface], bool]:
        """Return the geometry of the highest level of detail that can be read, and whether one could not."""
        is_broken = False
        for geometry in sorted(_geometries(item), key=_order, reverse=True):
            try:
                surfaces = self._city.surfaces(geometry)
            except _ERRORS:
                is_broken = True
                continue
            if surfaces:
                return _lod(geometry), surfaces, is_broken
        return "", [], is_broken

    def _number(self, point: _Point) -> int:
        place = self._city.local(point)
        number = self._numbers.setdefault(place, len(self._numbers))
        if number * 3 == len(self.vertices):
            self.vertices.extend(place)
        return number


def _add_heights(objects: Sequence[dict[str, Any]]) -> None:
    """Give objects without surfaces the height of their highest part."""
    parts: dict[str, float] = {}
    for item in objects:
        if item["parent"] and item["height"] is not None:
            parts[item["parent"]] = max(parts.get(item["parent"], 0.0), item["height"])
    for item in objects:
        if item["height"] is None:
            item["height"] = parts.get(item["id"])


def _type(item: Mapping[str, Any]) -> str:
    return str(item.get("type", "?"))[:LONGEST]


def _attributes(item: Mapping[str, Any]) -> Mapping[str, Any]:
    attributes = item.get("attributes")
    return attributes if isinstance(attributes, dict) else {}


def _geometries(item: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    geometries = item.get("geometry")
    return [one for one in geometries if isinstance(one, dict)] if isinstance(geometries, list) else []


def _lod(geometry: Mapping[str, Any]) -> str:
    return str(geometry.get("lod", ""))[:10]


def _order(geometry: Mapping[str, Any]) -> tuple[int, float, str]:
    """Levels are text since CityJSON 1.1 (``2.2``), and were numbers before."""
    lod = _lod(geometry)
    number = float(lod) if lod.replace(".", "", 1).isdecimal() else -1.0
    return geometry.get("type") in (*_DEPTHS, "GeometryInstance"), number, lod


def _is_numeric(city: City, name: str) -> bool:
    values = [value for _, item in city.objects if (value := _attributes(item).get(name)) is not None]
    return bool(values) and all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)


def _value(value: Any) -> str | float | int | bool | None:
    """Return an attribute as a value that a table shows and a view colours by."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) <= 1 << 53 else str(value)[:LONGEST]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
