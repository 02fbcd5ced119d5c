"""Land and borders of Natural Earth below a drawing: those of a part of the world, as paths.

``land.json`` comes with the files of maps (``assets/build.mjs``): rings of land and lines of borders, as hundredths
of a degree. Without it a drawing has no ground.
"""

from __future__ import annotations

import json
import math
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from threading import Lock
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


_TURN: Final = Lock()
"""Held while a ground is made: of many callers at once one makes it, and the others take it."""


def ground(file: Path, projection: Projection) -> tuple[str, str]:
    """Return path data of the land and of the borders in the box; empty if there is no such file."""
    with _TURN:
        return _ground(file, projection)


@lru_cache(maxsize=16)
def _ground(file: Path, projection: Projection) -> tuple[str, str]:
    outlines = _outlines(file)
    if outlines is None:
        return "", ""
    land = (_clip_ring(ring, projection.box) for ring in _near(outlines.land, projection.box))
    borders = (part for line in _near(outlines.borders, projection.box) for part in _clip_line(line, projection.box))
    return (
        "".join(f"{path}Z" for ring in land if (path := _path(ring, projection))),
        "".join(_path(line, projection) for line in borders),
    )


_Points = list[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class _Line:
    """Corners as longitude and latitude in turn, in hundredths of a degree, and the edges of the box around them."""

    numbers: array[int]
    west: int
    south: int
    east: int
    north: int


@dataclass(frozen=True, slots=True)
class _Outlines:
    land: tuple[_Line, ...]
    borders: tuple[_Line, ...]


@lru_cache(maxsize=1)
def _outlines(file: Path) -> _Outlines | None:
    """Return the content of the file, half a megabyte in memory; None if there is none."""
    try:
        content = json.loads(file.read_bytes())
        return _Outlines(tuple(map(_line, content["land"])), tuple(map(_line, content["borders"])))
    except (OSError, ValueError, OverflowError):
        return None


def _line(corners: Sequence[int]) -> _Line:
    numbers = array("h", corners)
    xs, ys = numbers[::2], numbers[1::2]
    return _Line(numbers, min(xs, default=0), min(ys, default=0), max(xs, default=0), max(ys, default=0))


def _near(lines: Sequence[_Line], box: Box) -> Iterator[_Points]:
    west, south, east, north = (edge * _UNITS for edge in box)
    for line in lines:
        if line.numbers and line.west <= east and line.east >= west and line.south <= north and line.north >= south:
            xs, ys = line.numbers[::2], line.numbers[1::2]
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
