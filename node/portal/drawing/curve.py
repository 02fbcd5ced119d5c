"""A value over time as a drawing: a line in steps, since a value stays until it changes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final

from markupsafe import Markup

WIDTH: Final = 480
HEIGHT: Final = 160
_LEFT: Final = 44
_BOTTOM: Final = 22
_TOP: Final = 14


def curve(points: Sequence[tuple[date, float]], *, until: date, maximum: int, label: str) -> Markup:
    """Return an SVG of ``points``, oldest first, from zero to ``maximum``; the last value holds ``until`` then.

    ``label`` describes it to those who do not see it; the values are in a table beside it.
    """
    first = points[0][0]
    span = max(1, (until - first).days)

    def x(day: date) -> float:
        return round(_LEFT + (WIDTH - _LEFT - 4) * (day - first).days / span, 1)

    def y(value: float) -> float:
        return round(_TOP + (HEIGHT - _BOTTOM - _TOP) * (1 - value / maximum), 1)

    path = f"M{x(first)} {y(points[0][1])}"
    for day, value in points[1:]:
        path += f"H{x(day)}V{y(value)}"
    path += f"H{x(until) if until > first else WIDTH - 4}"
    marks = Markup("").join(
        Markup(
            '<path d="M{} {}H{}" stroke="currentColor" stroke-opacity="0.2"/><text x="{}" y="{}">{}</text>'
        ).format(_LEFT, y(value), WIDTH - 4, 2, y(value) + 4, value)
        for value in (0, maximum // 2, maximum)
    )
    dates = Markup('<text x="{}" y="{}">{}</text><text x="{}" y="{}" text-anchor="end">{}</text>').format(
        _LEFT, HEIGHT - 4, first.isoformat(), WIDTH - 4, HEIGHT - 4, until.isoformat()
    )
    return Markup(
        '<svg class="curve" viewBox="0 0 {} {}" role="img" aria-label="{}" fill="currentColor" font-size="15">{}{}'
        '<path d="{}" fill="none" stroke="currentColor" stroke-width="2.5"/></svg>'
    ).format(WIDTH, HEIGHT, label, marks, dates, path)
