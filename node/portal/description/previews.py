"""Previews of open files: the first rows of a table, the lines of a map.

The input is the beginning of an untrusted file. If it cannot be shown plainly, there is no preview.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from node.semantics import sheets

MAX_BYTES: Final = 256 * 1024
MAX_ROWS: Final = 8
MAX_COLUMNS: Final = 16
MAX_CELL: Final = 80
MAX_POINTS: Final = 6000
WIDTH: Final = 640


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The first rows. ``numeric`` is for each column whether all its cells are numbers; ``more`` is whether the file
    has further rows; ``columns_left_out`` is how many columns are not shown."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: tuple[bool, ...]
    more: bool
    columns_left_out: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sketch:
    """A map without a map service: SVG path data for lines and areas, circles for points."""

    width: int
    height: int
    lines: tuple[str, ...]
    areas: tuple[str, ...]
    points: tuple[tuple[float, float], ...]
    features: int


def table(head: bytes, media_type: str, *, whole: bool) -> Table | None:
    """Return the first rows of the CSV or TSV file that begins with ``head``; None if it does not look like one."""
    delimiter = {"text/csv": None, "text/tab-separated-values": "\t"}.get(media_type.partition(";")[0].strip(), "")
    if delimiter == "":
        return None
    if sheets.what_it_is(head):
        return None
    try:
        # The end of ``head`` may cut a character and a row in two.
        found = sheets.look(head, whole=whole, delimiter=delimiter or "")
        whole_rows = head if whole else head[: head.rfind(b"\n") + 1]
        rows = [cells for _, cells in _first(sheets.rows(io.BytesIO(whole_rows), found), MAX_ROWS + 2)]
    except (csv.Error, ValueError):
        return None
    if len(rows) < 2 or not rows[0]:
        return None
    columns = tuple(_cell(name) for name in rows[0][:MAX_COLUMNS])
    width = len(columns)
    body = tuple(tuple(_cell(c) for c in (row + [""] * width)[:width]) for row in rows[1 : MAX_ROWS + 1])
    numeric = tuple(all(_number(row[i]) for row in body) for i in range(width))
    return Table(
        columns=columns,
        rows=body,
        numeric=numeric,
        more=len(rows) > MAX_ROWS + 1 or not whole,
        columns_left_out=max(0, len(rows[0]) - MAX_COLUMNS),
    )


def sketch(head: bytes, media_type: str, *, whole: bool) -> Sketch | None:
    """Return a drawing of a whole GeoJSON file in degrees (RFC 7946); None if it is cut off or something else."""
    if media_type.partition(";")[0].strip() not in ("application/geo+json", "application/vnd.geo+json") or not whole:
        return None
    try:
        document = json.loads(head)
        parts = list(_first(shapes(document), MAX_POINTS))
    except (ValueError, RecursionError, TypeError, KeyError, AttributeError):
        return None
    points = [point for _, path in parts for point in path]
    if not points or len(points) > MAX_POINTS:
        return None
    if not all(math.isfinite(x) and math.isfinite(y) and abs(x) <= 180 and abs(y) <= 90 for x, y in points):
        return None
    return _draw(parts, points, len(document.get("features", [document])))


Path = list[tuple[float, float]]


def _draw(parts: list[tuple[str, Path]], points: Path, features: int) -> Sketch:
    west, east = min(x for x, _ in points), max(x for x, _ in points)
    south, north = min(y for _, y in points), max(y for _, y in points)
    # One degree of longitude is shorter than one of latitude by the cosine: exact enough for a city.
    shrink = math.cos(math.radians((south + north) / 2)) or 1e-6
    span_x, span_y = max((east - west) * shrink, 1e-9), max(north - south, 1e-9)
    height = min(max(round(WIDTH * span_y / span_x), 120), 480)
    margin = 12
    scale = min((WIDTH - 2 * margin) / span_x, (height - 2 * margin) / span_y)
    left, top = (WIDTH - span_x * scale) / 2, (height - span_y * scale) / 2

    def place(point: tuple[float, float]) -> tuple[float, float]:
        x, y = point
        return round(left + (x - west) * shrink * scale, 1), round(top + (north - y) * scale, 1)

    def data(path: Path) -> str:
        return "M" + "L".join(f"{x:g} {y:g}" for x, y in map(place, path))

    return Sketch(
        width=WIDTH,
        height=height,
        lines=tuple(data(path) for shape, path in parts if shape == "line"),
        areas=tuple(f"{data(path)}Z" for shape, path in parts if shape == "area"),
        points=tuple(place(one) for shape, path in parts if shape in ("point", "points") for one in path),
        features=features,
    )


def shapes(document: Any) -> Iterator[tuple[str, Path]]:
    """Yield (point, points, line or area; its coordinates) for everything in a GeoJSON object (RFC 7946 §3)."""
    kind = document.get("type")
    if kind in _INNER:
        for inner in document[_INNER[kind]]:
            yield from shapes(inner)
    elif kind == "Feature":
        if document.get("geometry"):
            yield from shapes(document["geometry"])
    elif kind in _NESTING:
        shape, depth = _NESTING[kind]
        for path in _paths(document["coordinates"], depth):
            yield shape, path


_INNER: Final = {"FeatureCollection": "features", "GeometryCollection": "geometries"}
_NESTING: Final = {
    "Point": ("point", -1),
    "MultiPoint": ("points", 0),
    "LineString": ("line", 0),
    "MultiLineString": ("line", 1),
    "Polygon": ("area", 1),
    "MultiPolygon": ("area", 2),
}
"""Type → (the shape that is drawn, how many arrays are around one path; a point has one array less)."""


def _paths(coordinates: Any, depth: int) -> Iterator[Path]:
    if depth < 0:
        yield _path([coordinates])
    elif depth == 0:
        yield _path(coordinates)
    else:
        for inner in coordinates:
            yield from _paths(inner, depth - 1)


def _path(coordinates: Any) -> Path:
    return [(float(x), float(y)) for x, y, *_ in coordinates]


def _first(items: Iterable[Any], limit: int) -> Iterator[Any]:
    for number, item in enumerate(items):
        if number >= limit:
            return
        yield item


def _cell(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= MAX_CELL else f"{flat[: MAX_CELL - 1]}…"


def _number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return not text
    return True
