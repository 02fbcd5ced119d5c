"""Land and borders of Natural Earth below a drawing: those of a part of the world, as paths.

``land.json`` comes with the files of maps (``assets/build.mjs``): rings of land and lines of borders, as hundredths
of a degree. Without it a drawing has no ground.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

Box = tuple[float, float, float, float]
"""West, south, east, north in degrees."""

_UNITS: Final = 100
_NEAR: Final = 0.8
"""Units of the drawing: corners closer than that are one."""


@dataclass(frozen=True, slots=True)
class Projection:
    """Degrees to units of a drawing of ``width``; a degree of longitude is shorter by the cosine of the latitude."""

    box: Box
    width: int

    @property
    def height(self) -> int:
        _, south, _, north = self.box
        return round((north - south) * self._scale)

    @property
    def _shrink(self) -> float:
        return max(math.cos(math.radians((self.box[1] + self.box[3]) / 2)), 0.05)

    @property
    def _scale(self) -> float:
        west, _, east, _ = self.box
        return self.width / ((east - west) * self._shrink)

    def place(self, longitude: float, latitude: float) -> tuple[float, float]:
        """Return a place in units of the drawing."""
        return (longitude - self.box[0]) * self._shrink * self._scale, (self.box[3] - latitude) * self._scale


@lru_cache(maxsize=16)
def ground(file: Path, projection: Projection) -> tuple[str, str]:
    """Return path data of the land and of the borders in the box; empty if there is no such file."""
    try:
        content = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return "", ""
    land = (_clip_ring(ring, projection.box) for ring in _near(content["land"], projection.box))
    borders = (
        part for line in _near(content["borders"], projection.box) for part in _clip_line(line, projection.box)
    )
    return (
        "".join(f"{path}Z" for ring in land if (path := _path(ring, projection))),
        "".join(_path(line, projection) for line in borders),
    )


_Points = list[tuple[float, float]]


def _near(lines: Sequence[Sequence[int]], box: Box) -> Iterator[_Points]:
    west, south, east, north = (edge * _UNITS for edge in box)
    for numbers in lines:
        xs, ys = numbers[::2], numbers[1::2]
        if xs and min(xs) <= east and max(xs) >= west and min(ys) <= north and max(ys) >= south:
            yield [(x / _UNITS, y / _UNITS) for x, y in zip(xs, ys, strict=True)]


def _clip_ring(ring: _Points, box: Box) -> _Points:
    """Return the part of a ring inside the box, edge by edge (Sutherland and Hodgman)."""
    for axis, edge, above in ((0, box[0], True), (0, box[2], False), (1, box[1], True), (1, box[3], False)):
        inside = _side(axis, edge, above)
        points: _Points = []
        for place, point in enumerate(ring):
            before = ring[place - 1]
            if inside(point) != inside(before):
                points.append(_crossing(before, point, axis, edge))
            if inside(point):
                points.append(point)
        ring = points
    return ring


def _side(axis: int, edge: float, above: bool) -> Callable[[tuple[float, float]], bool]:
    return (lambda point: point[axis] >= edge) if above else (lambda point: point[axis] <= edge)


def _crossing(before: tuple[float, float], point: tuple[float, float], axis: int, edge: float) -> tuple[float, float]:
    part = (edge - before[axis]) / (point[axis] - before[axis])
    other = before[1 - axis] + part * (point[1 - axis] - before[1 - axis])
    return (edge, other) if axis == 0 else (other, edge)


def _clip_line(line: _Points, box: Box) -> Iterator[_Points]:
    """Return the parts of a line with a corner inside the box, with a corner more at both ends."""
    west, south, east, north = box
    part: _Points = []
    last: tuple[float, float] | None = None
    for point in line:
        if west <= point[0] <= east and south <= point[1] <= north:
            if not part and last is not None:
                part.append(last)
            part.append(point)
        elif part:
            yield [*part, point]
            part = []
        last = point
    if part:
        yield part


def _path(points: _Points, projection: Projection) -> str:
    places: _Points = []
    for longitude, latitude in points:
        x, y = projection.place(longitude, latitude)
        if not places or abs(x - places[-1][0]) + abs(y - places[-1][1]) >= _NEAR:
            places.append((x, y))
    if len(places) < 2:
        return ""
    return "M" + "L".join(f"{x:.0f} {y:.0f}" for x, y in places)
