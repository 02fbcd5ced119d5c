"""Maps that this node draws itself, as SVG: the network is the base map, and nothing comes from other servers.

Coordinates are degrees (EPSG:4326), projected with one degree of longitude shortened by the cosine of the latitude:
exact enough for a city. Colours and widths are attributes, since the content security policy allows no style in a
page; the ground is light in dark mode too, because the colour scale is made for it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from markupsafe import Markup

from node.portal.description.previews import Path, shapes

WIDTH: Final = 640
LEAST_HEIGHT: Final = 200
MOST_HEIGHT: Final = 520
MARGIN: Final = 18
MOST_POINTS: Final = 60_000
MOST_FOCUSABLE: Final = 120
"""More links than that would make the page too long for keyboard users: the table has all links."""

GROUND: Final = "#ffffff"
CASING: Final = "#59636b"
QUIET: Final = "#d3d7d6"
CHOSEN: Final = "#0b3d91"

_APART: Final = 5.0
_WORDS: Final = {"line": "line", "area": "area", "point": "point", "points": "point"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A feature on the map. ``weight`` orders the drawing: the greatest change lies on top. A mark without colour is
    base map; ``dashed`` stands for no data. ``link`` leads to the facts about it."""

    id: str
    geometry: Mapping[str, Any]
    words: str
    colour: str = ""
    width: float = 2.0
    weight: float = 0.0
    dashed: bool = False
    chosen: bool = False
    link: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A drawing: the inside of an ``svg`` element, how many features could be drawn, and whether all coloured
    features are points."""

    width: int
    height: int
    inside: Markup
    count: int
    dots: bool = False


def draw(marks: Sequence[Mark]) -> Picture | None:
    """Return the map of ``marks``; None if nothing could be drawn."""
    read = [(mark, _shapes(mark.geometry)) for mark in marks]
    read = [(mark, text) for mark, text in read if text]
    points = [point for _, text in read for _, path in text for point in path]
    if not points or len(points) > MOST_POINTS:
        return None
    flat = _Flat(points)
    twins = _twins(path for _, text in read for shape, path in text if shape == "line")
    focusable = sum(bool(mark.link) for mark, _ in read) <= MOST_FOCUSABLE
    pieces = []
    for mark, text in sorted(read, key=lambda one: (bool(one[0].colour), one[0].weight, one[0].chosen)):
        pieces.append(_draw(mark, text, flat, twins, focusable=focusable))
    return Picture(
        width=WIDTH,
        height=flat.height,
        inside=Markup("").join(pieces),
        count=len(read),
        dots=all(_WORDS[shape] == "point" for mark, text in read if mark.colour for shape, _ in text),
    )


def dot(width: float) -> float:
    """Return the width of a point in a class with lines of this width."""
    return 3.0 + width * 1.5


def _draw(
    mark: Mark, shapes_drawn: list[tuple[str, Path]], flat: _Flat, twins: frozenset[Any], *, focusable: bool
) -> Markup:
    title = Markup("<title>{}</title>").format(mark.words)
    kinds = {_WORDS[shape] for shape, _ in shapes_drawn}
    # One path for each feature: the pointer is over one thing with one title.
    data = " ".join(flat.data(shape, path, apart=_ends(path) in twins) for shape, path in shapes_drawn)
    filled = kinds == {"area"}
    parts = []
    width = dot(mark.width) if kinds == {"point"} else mark.width
    if mark.chosen:
        parts.append(_path(data, CHOSEN, width + 9, opacity="0.55"))
    if not mark.colour:
        parts.append(_path(data, CASING if mark.dashed else QUIET, width, title, dash=mark.dashed))
    elif filled:
        parts.append(
            Markup('<path d="{}" fill="{}" stroke="{}" stroke-width="1">{}</path>').format(
                data, mark.colour, CASING, title
            )
        )
    else:
        # Pale classes would not be visible on white: every line has a darker edge (WCAG 2.2, 1.4.11).
        parts.append(_path(data, CASING, width + 1.6))
        parts.append(_path(data, mark.colour, width, title))
    if not mark.link:
        return Markup("").join(parts)
    # The clickable area is wider than the visible line.
    parts.append(_path(data, GROUND, max(width, 16.0), title, opacity="0"))
    stop = Markup("") if focusable else Markup(' tabindex="-1"')
    current = Markup(' aria-current="true"') if mark.chosen else Markup("")
    return Markup('<a href="{}" aria-label="{}"{}{}>{}</a>').format(
        mark.link, mark.words, stop, current, Markup("").join(parts)
    )


def _path(
    data: str, colour: str, width: float, title: Markup | None = None, *, dash: bool = False, opacity: str = ""
) -> Markup:
    more = Markup(' stroke-dasharray="5 5"') if dash else Markup("")
    if opacity:
        more += Markup(' stroke-opacity="{}"').format(opacity)
    return Markup('<path d="{}" fill="none" stroke="{}" stroke-width="{}"{}>{}</path>').format(
        data, colour, f"{width:g}", more, title or Markup("")
    )


class _Flat:
    """A projection from degrees to units of the drawing."""

    def __init__(self, points: Sequence[tuple[float, float]]) -> None:
        self._west, east = min(x for x, _ in points), max(x for x, _ in points)
        south, self._north = min(y for _, y in points), max(y for _, y in points)
        self._shrink = math.cos(math.radians((south + self._north) / 2)) or 1e-6
        across, up = max((east - self._west) * self._shrink, 1e-9), max(self._north - south, 1e-9)
        inner = WIDTH - 2 * MARGIN
        self.height = min(max(round(inner * up / across) + 2 * MARGIN, LEAST_HEIGHT), MOST_HEIGHT)
        self._scale = min(inner / across, (self.height - 2 * MARGIN) / up)
        self._left = (WIDTH - across * self._scale) / 2
        self._top = (self.height - up * self._scale) / 2

    def place(self, point: tuple[float, float]) -> tuple[float, float]:
        x, y = point
        return (
            self._left + (x - self._west) * self._shrink * self._scale,
            self._top + (self._north - y) * self._scale,
        )

    def data(self, shape: str, path: Path, *, apart: bool) -> str:
        """Return path data with one decimal. A point is a line of no length with a round end; ``apart`` moves a line
        to its right, if the opposite direction runs along the same street."""
        points = [self.place(point) for point in path]
        if shape in ("point", "points"):
            return " ".join(f"M{x:.1f} {y:.1f}h0" for x, y in points)
        if apart:
            points = _move(points, _APART)
        return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points) + ("Z" if shape == "area" else "")


def _move(path: list[tuple[float, float]], by: float) -> list[tuple[float, float]]:
    """Return the line moved ``by`` units to its right (south if it runs east, since y points down)."""
    moves = []
    for place, (x, y) in enumerate(path):
        before, after = path[max(place - 1, 0)], path[min(place + 1, len(path) - 1)]
        along_x, along_y = after[0] - before[0], after[1] - before[1]
        length = math.hypot(along_x, along_y) or 1.0
        moves.append((x - along_y / length * by, y + along_x / length * by))
    return moves


def _ends(path: Path) -> tuple[tuple[float, float], tuple[float, float]]:
    return path[0], path[-1]


def _twins(lines: Iterable[Path]) -> frozenset[Any]:
    """Return the ends of the lines that exist in both directions."""
    ends = {_ends(path) for path in lines}
    return frozenset(pair for pair in ends if (pair[1], pair[0]) in ends and pair[0] != pair[1])


def _shapes(geometry: Mapping[str, Any]) -> list[tuple[str, Path]]:
    try:
        parts = [(shape, path) for shape, path in shapes(geometry) if path]
    except (ValueError, RecursionError, TypeError, KeyError, AttributeError):
        return []
    good = all(
        math.isfinite(x) and math.isfinite(y) and abs(x) <= 180 and abs(y) <= 90 for _, path in parts for x, y in path
    )
    return parts if good else []
