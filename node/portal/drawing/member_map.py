"""The map of members: land, borders, and a mark for each member that leads to it.

Marks differ by shape as well as by colour, so that colours need not be told apart.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from markupsafe import Markup

from node.portal.drawing.land import Projection, ground

WIDTH: Final = 640
_LEAST: Final = 1.2
"""Degrees of latitude that a map shows at least."""
_FLATTEST: Final = 0.45
_STEEPEST: Final = 0.8
"""Height of a map, as a part of its width."""
_APART: Final = 24.0
"""Units between marks: a mark below another could not be clicked (WCAG 2.2, 2.5.8)."""
_TURNS: Final = 40
_MOST_NAMES: Final = 24
_LONGEST_NAME: Final = 28
_LETTER: Final = 8.0
"""Units of a letter of a name, on average; rather too many."""

SHAPES: Final = {
    "ok": "M0 -9A9 9 0 1 1 0 9A9 9 0 1 1 0 -9Z",
    "wait": "M-8 -8H8V8H-8Z",
    "no": "M0 -10L10 8H-10Z",
}
"""State → path of its mark: a disc for up to date, a square for under way, a triangle for trouble."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberMark:
    """A member on the map. ``words`` is its name and state, ``link`` leads to its row."""

    name: str
    words: str
    state: str
    link: str
    longitude: float
    latitude: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberMap:
    """A drawing: the inside of an ``svg`` element. ``has_ground``: land and borders are below the marks."""

    width: int
    height: int
    inside: Markup
    has_ground: bool


def draw_members(marks: Sequence[MemberMark], land: Path | None) -> MemberMap | None:
    """Return the map of ``marks`` over ``land`` (a file with land and borders); None without marks."""
    if not marks:
        return None
    projection = _projection(marks)
    area, borders = ground(land, projection) if land is not None else ("", "")
    places = _spread([projection.place(mark.longitude, mark.latitude) for mark in marks], projection)
    pieces = [Markup('<rect class="water" width="{}" height="{}"/>').format(projection.width, projection.height)]
    if area:
        pieces.append(Markup('<path class="land" d="{}"/><path class="border" d="{}"/>').format(area, borders))
    labels = _Labels(places, projection) if len(marks) <= _MOST_NAMES else None
    for mark, (x, y) in zip(marks, places, strict=True):
        label = labels.draw(mark.name, x, y) if labels else Markup("")
        shape = Markup('<path class="{}" transform="translate({} {})" d="{}"><title>{}</title></path>').format(
            mark.state, f"{x:.0f}", f"{y:.0f}", SHAPES[mark.state], mark.words
        )
        pieces.append(Markup('<a href="{}" aria-label="{}">{}{}</a>').format(mark.link, mark.words, shape, label))
    return MemberMap(
        width=projection.width, height=projection.height, inside=Markup("").join(pieces), has_ground=bool(area)
    )


class _Labels:
    """Names beside the marks, each where it covers no mark and no other name; where there is no room, none."""

    def __init__(self, places: Sequence[tuple[float, float]], projection: Projection) -> None:
        self._projection = projection
        self._boxes = [(x - 10, y - 10, x + 10, y + 10) for x, y in places]

    def draw(self, name: str, x: float, y: float) -> Markup:
        text = name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"
        length = len(text) * _LETTER
        for west, anchor, down in (
            (x + 14, "start", 5),
            (x - 14 - length, "end", 5),
            (x - length / 2, "middle", 26),
            (x - length / 2, "middle", -16),
        ):
            box = (west, y + down - 14, west + length, y + down + 3)
            if self._is_free(box):
                self._boxes.append(box)
                start = {"start": west, "end": west + length, "middle": x}[anchor]
                return Markup('<text x="{}" y="{}" text-anchor="{}" aria-hidden="true">{}</text>').format(
                    f"{start:.0f}", f"{y + down:.0f}", anchor, text
                )
        return Markup("")

    def _is_free(self, box: tuple[float, float, float, float]) -> bool:
        west, top, right, bottom = box
        if west < 0 or top < 0 or right > self._projection.width or bottom > self._projection.height:
            return False
        return not any(west < c and right > a and top < d and bottom > b for a, b, c, d in self._boxes)


def _projection(marks: Sequence[MemberMark]) -> Projection:
    """Return the part of the world with all marks and some room around them, neither too flat nor too steep."""
    west, east = min(mark.longitude for mark in marks), max(mark.longitude for mark in marks)
    south, north = min(mark.latitude for mark in marks), max(mark.latitude for mark in marks)
    shrink = max(math.cos(math.radians((south + north) / 2)), 0.05)
    up = max((north - south) * 1.5, _LEAST)
    across = max((east - west) * 1.5 * shrink, _LEAST)
    across, up = max(across, up / _STEEPEST), max(up, across * _FLATTEST)
    across = max(across, up / _STEEPEST)
    middle, height = (west + east) / 2, (south + north) / 2
    half = across / shrink / 2
    # Rounded, so that members that come and go a little leave the ground as it is kept.
    box = (round(middle - half, 1), round(height - up / 2, 1), round(middle + half, 1), round(height + up / 2, 1))
    return Projection(box=box, width=WIDTH)


def _spread(places: Sequence[tuple[float, float]], projection: Projection) -> list[tuple[float, float]]:
    """Return the places, with those that lie on each other moved aside on a spiral around the first."""
    spread: list[tuple[float, float]] = []
    for x, y in places:
        a, b = x, y
        for turn in range(1, _TURNS):
            if all(math.hypot(a - c, b - d) >= _APART for c, d in spread):
                break
            angle, distance = turn * 2.4, _APART * math.sqrt(turn)
            a, b = x + distance * math.cos(angle), y + distance * math.sin(angle)
        spread.append((min(max(a, 12.0), projection.width - 12.0), min(max(b, 12.0), projection.height - 12.0)))
    return spread
