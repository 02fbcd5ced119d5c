"""The model of quality over time: days, series, and the points of one record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

from node.semantics.metrics import band


class Day(NamedTuple):
    """The last state of a day: the number of records with points, and their points on average."""

    day: date
    records: int
    points: float


class RecordPoints(NamedTuple):
    """The points of one version of a record."""

    at: datetime
    version: int
    points: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """The quality of the records of one publisher, or of all (no ``key``). ``days`` are those on which it changed,
    oldest first. ``dimensions`` are average points; ``gains`` are metrics, and the points that they would add to the
    average.
    """

    key: str
    name: str
    days: Sequence[Day]
    dimensions: Mapping[str, float]
    gains: Sequence[tuple[str, float]]

    @property
    def now(self) -> Day:
        return self.days[-1]

    @property
    def band(self) -> str:
        return band(self.now.points)
