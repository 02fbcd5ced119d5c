"""The moments of a table: the first, the last, and the usual distance between two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Final

_USUAL: Final = 0.5
"""The share of the distances between moments that must be equal to be called the step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moments:
    """The first and the last moment of a table, and the usual distance between two, as ISO 8601; empty for none."""

    begins: str = ""
    ends: str = ""
    step: str = ""


def to_iso(value: date) -> str:
    """Return a day or a moment as ISO 8601, without a time zone."""
    return value.replace(tzinfo=None).isoformat() if isinstance(value, datetime) else value.isoformat()


def usual_step(moments: Sequence[date]) -> str:
    """Return the usual distance between consecutive moments as a duration; empty if there is none."""
    counts: dict[timedelta, int] = {}
    for before, after in pairwise(moments):
        counts[after - before] = counts.get(after - before, 0) + 1
    if not counts:
        return ""
    step = max(counts, key=lambda distance: counts[distance])
    if counts[step] < _USUAL * sum(counts.values()):
        return ""
    days, seconds = step.days, step.seconds
    if not seconds:
        return f"P{days}D" if days else ""
    hours, rest = divmod(seconds + days * 86400, 3600)
    minutes, seconds = divmod(rest, 60)
    parts = ((hours, "H"), (minutes, "M"), (seconds, "S"))
    return "PT" + "".join(f"{number}{letter}" for number, letter in parts if number)
