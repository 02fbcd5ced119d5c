"""Distribution of a single column: what a stand-in keeps of it, and how a value is drawn from it.

A column is one of: *numbers* (quantiles, each the mean of several rows), *levels* (few different values; rare ones
are folded), *times* (on a step), *names* (only their pattern is kept), or a column of which nothing can be kept.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta, timezone
from enum import StrEnum
from typing import Any, Final

from node.scenarios.model import GEOMETRY
from node.scenarios.synthetic.names import are_numbered
from node.scenarios.tables.files import is_figure
from node.scenarios.tables.rows import looks_like_id

RARE: Final = 5
"""A value that fewer rows have is not kept as such."""
MOST_LEVELS: Final = 20
FEWEST_NAMES: Final = 6
MOST_TIMES: Final = 200
"""The most different times that count as levels: those of a day, so that its peaks are kept."""
MOST_KNOTS: Final = 21
MOST_DECIMALS: Final = 9
OTHER: Final = "other"

_MOST: Final = 2**53
"""Larger figures are not kept: they have no decimals to round to."""

_CLOCK: Final = re.compile(r"\d\d:\d\d(:\d\d)?")
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d")
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)?")
_ZONE: Final = re.compile(r"(Z|[+-]\d\d:\d\d)$")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class ColumnType(StrEnum):
    """The type of the values of a column, which decides how they are drawn."""

    NUMBERS = "numbers"
    LEVELS = "levels"
    TIMES = "times"
    NAMES = "names"
    GEOMETRY = "geometry"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Marginal:
    """One column. ``missing`` is the share of rows without a value.

    Levels: ``values`` in order, ``shares`` their cumulated shares. Numbers: ``knots``, the values at equally spaced
    quantiles, on multiples of ``step`` in units of the last of ``decimals``. Times: ``first`` and ``count`` points
    ``step`` seconds apart, ``knots`` in steps. ``rare_values``: how many different values went into another one.
    """

    name: str
    kind: ColumnType
    missing: float = 0.0
    values: tuple[Any, ...] = ()
    shares: tuple[float, ...] = ()
    knots: tuple[float, ...] = ()
    decimals: int = 0
    step: int = 1
    first: int = 0
    count: int = 0
    rare_values: int = 0
    index: dict[Any, int] = field(default_factory=dict, compare=False, repr=False)
    form: Callable[[int], str] | None = field(default=None, compare=False, repr=False)

    @property
    def is_modelled(self) -> bool:
        """Return whether its relation to other columns is kept."""
        return self.kind in (ColumnType.NUMBERS, ColumnType.LEVELS, ColumnType.TIMES)

    def order(self, value: Any) -> float | None:
        """Return a number that orders a value among the others; None for no value."""
        if value is None:
            return None
        if self.kind is ColumnType.LEVELS:
            return float(self.index[_plain(value)])
        if self.kind is ColumnType.TIMES:
            return float(seconds(str(value)) or 0)
        return float(value)

    def at(self, share: float) -> Any:
        """Return the value below which ``share`` (0 to 1) of the rows are."""
        if self.kind is ColumnType.LEVELS:
            return self.values[min(bisect_right(self.shares, share), len(self.values) - 1)]
        place = share * (len(self.knots) - 1)
        low = min(int(place), len(self.knots) - 2)
        figure = self.knots[low] + (self.knots[low + 1] - self.knots[low]) * (place - low)
        if self.kind is ColumnType.TIMES:
            return self.point(min(round(figure), self.count - 1))
        stepped = round(figure * 10**self.decimals / self.step) * self.step
        return stepped / 10**self.decimals if self.decimals else stepped

    def points(self) -> int:
        """Return the number of different values of a column of levels or times."""
        return len(self.values) if self.kind is ColumnType.LEVELS else self.count

    def point(self, number: int) -> Any:
        """Return the value number ``number`` of levels and times."""
        if self.kind is ColumnType.LEVELS:
            return self.values[number]
        assert self.form is not None
        return self.form(self.first + max(number, 0) * self.step)

    def share(self, number: int) -> float:
        """Return the share of rows below the middle of value number ``number``."""
        if self.kind is ColumnType.LEVELS:
            return (self.shares[number] + (self.shares[number - 1] if number else 0.0)) / 2
        return (min(number, self.count - 1) + 0.5) / self.count

    def reorder(self, places: Sequence[float]) -> Marginal:
        """Return the same levels, in the order of ``places``: one number for each."""
        order = sorted(range(len(self.values)), key=lambda number: (places[number], number))
        single = [share - (self.shares[number - 1] if number else 0.0) for number, share in enumerate(self.shares)]
        new = {old: number for number, old in enumerate(order)}
        return replace(
            self,
            values=tuple(self.values[number] for number in order),
            shares=_cumulate([single[number] for number in order]),
            index={value: new[old] for value, old in self.index.items()},
        )


def marginal(name: str, column: Sequence[Any], *, names: bool = False) -> Marginal:
    """Return the distribution of ``column``. ``names``: its values name something."""
    values = [value for value in column if value is not None]
    missing = 1 - len(values) / len(column) if column else 1.0
    if name == GEOMETRY:
        return Marginal(name=name, kind=ColumnType.GEOMETRY, missing=missing)
    whole = all(isinstance(value, int) and not isinstance(value, bool) for value in values)
    texts = all(isinstance(value, str) for value in values)
    truths = all(isinstance(value, bool) for value in values)
    if len(values) < 2 * RARE or not (texts or truths or all(_is_usual(value) for value in values)):
        return Marginal(name=name, kind=ColumnType.NOTHING, missing=1.0)
    if texts and (timed := _times(name, values, missing)):
        return timed
    if (texts or whole) and (names or looks_like_id(name) or _are_names(values)):
        return Marginal(name=name, kind=ColumnType.NAMES, missing=missing)
    levels = _levels(name, values, missing)
    if texts or truths:
        return levels or Marginal(name=name, kind=ColumnType.NAMES if texts else ColumnType.NOTHING, missing=missing)
    return levels or _numbers(name, values, missing)


def _is_usual(value: Any) -> bool:
    return is_figure(value) and abs(value) < _MOST


def _are_names(cells: Sequence[Any]) -> bool:
    """Return whether values that occur in many rows are names nevertheless, such as those of a network's nodes."""
    distinct = set(cells)
    return isinstance(cells[0], str) and len(distinct) >= FEWEST_NAMES and are_numbered(sorted(distinct))


def seconds(text: str) -> int | None:
    """Return a time of day, a day or a moment (ISO 8601) in seconds; None for anything else."""
    try:
        if _CLOCK.fullmatch(text):
            at = time.fromisoformat(text)
            return at.hour * 3600 + at.minute * 60 + at.second
        if _DAY.fullmatch(text):
            return (date.fromisoformat(text) - _EPOCH.date()).days * 86400
        if _MOMENT.fullmatch(text):
            moment = datetime.fromisoformat(text)
            aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            return round((aware - _EPOCH).total_seconds())
    except ValueError:
        return None
    return None


def _levels(name: str, cells: Sequence[Any], missing: float, most: int = MOST_LEVELS) -> Marginal | None:
    """Return levels for few values with many rows each; None if there are many, or if all are rare."""
    counts = Counter(_plain(value) for value in cells)
    frequent = sorted(value for value, count in counts.items() if count >= RARE)
    rare = [value for value in counts if counts[value] < RARE]
    figures = not isinstance(frequent[0] if frequent else rare[0], str)
    truths = isinstance(cells[0], bool)
    if not frequent or len(frequent) > most or (most > MOST_LEVELS and rare):
        return None
    if figures and not truths and sum(counts[value] for value in rare) * 10 > len(cells):
        return None
    if not figures and len(counts) > max(most, len(cells) // RARE):
        return None
    index = {value: number for number, value in enumerate(frequent)}
    values: list[Any] = [bool(value) for value in frequent] if truths else list(frequent)
    if rare and not figures and OTHER not in index:
        values.append(OTHER)
        index[OTHER] = len(frequent)
    for value in rare:
        index[value] = index[OTHER] if not figures else _nearest(frequent, value)
    totals = [0] * len(values)
    for value, count in counts.items():
        totals[index[value]] += count
    return Marginal(
        name=name,
        kind=ColumnType.LEVELS,
        missing=missing,
        values=tuple(values),
        shares=_cumulate([total / len(cells) for total in totals]),
        rare_values=len(rare),
        index=index,
    )


def _nearest(levels: Sequence[float], value: float) -> int:
    return min(range(len(levels)), key=lambda number: (abs(levels[number] - value), number))


def _numbers(name: str, cells: Sequence[float], missing: float) -> Marginal:
    decimals = min(max(_decimals(value) for value in cells), MOST_DECIMALS)
    whole_numbers = [round(value * 10**decimals) for value in cells]
    return Marginal(
        name=name,
        kind=ColumnType.NUMBERS,
        missing=missing,
        knots=_knots([float(value) for value in cells]),
        decimals=decimals,
        step=max(math.gcd(*whole_numbers), 1),
    )


def _knots(values: Sequence[float]) -> tuple[float, ...]:
    """Return values at equally spaced quantiles, each the mean of the rows around it: no knot is a row's own
    value."""
    values_in_order = sorted(values)
    count = max(min(MOST_KNOTS, len(values_in_order) // RARE), 2)
    knots = []
    for number in range(count):
        middle = number * (len(values_in_order) - 1) / (count - 1)
        start = min(max(round(middle) - RARE // 2, 0), max(len(values_in_order) - RARE, 0))
        knots.append(math.fsum(values_in_order[start : start + RARE]) / len(values_in_order[start : start + RARE]))
    return tuple(knots)


def _decimals(value: float) -> int:
    text = repr(value)
    if "e" in text:
        return MOST_DECIMALS if abs(value) < 1 else 0
    return 0 if isinstance(value, int) or text.endswith(".0") else len(text.partition(".")[2])


def _times(name: str, cells: Sequence[str], missing: float) -> Marginal | None:
    found = [seconds(text) for text in cells]
    points = [point for point in found if point is not None]
    if len(points) < len(cells):
        return None
    if len(set(cells)) <= MOST_TIMES and (levels := _levels(name, cells, missing, most=MOST_TIMES)):
        return levels
    distinct = sorted(set(points))
    step = math.gcd(*(later - distinct[0] for later in distinct[1:])) or 1
    return Marginal(
        name=name,
        kind=ColumnType.TIMES,
        missing=missing,
        knots=_knots([(point - distinct[0]) / step for point in points]),
        step=step,
        first=distinct[0],
        count=(distinct[-1] - distinct[0]) // step + 1,
        form=writer(cells),
    )


def writer(texts: Sequence[str]) -> Callable[[int], str]:
    """Return a function that writes points in time in the format of the first of ``texts``."""
    example = texts[0]
    if _CLOCK.fullmatch(example):
        length = len(example)
        return lambda point: str(timedelta(seconds=point % 86400)).rjust(8, "0")[:length]
    if _DAY.fullmatch(example):
        return lambda point: (_EPOCH + timedelta(seconds=point)).date().isoformat()
    zones = {found.group() if (found := _ZONE.search(text)) else "" for text in texts}
    # If summer time begins or ends within the column, all of it is written in UTC.
    suffix = zones.pop() if len(zones) == 1 else "Z"
    offset = datetime.fromisoformat(example).utcoffset() if suffix not in ("", "Z") else None
    pattern = "%H:%M:%S" if re.search(r"\d\d:\d\d:\d\d", example) else "%H:%M"
    divider = example[10]
    where = timezone(offset) if offset is not None else UTC
    return lambda point: (
        (_EPOCH + timedelta(seconds=point)).astimezone(where).strftime(f"%Y-%m-%d{divider}{pattern}") + suffix
    )


def _cumulate(shares: Sequence[float]) -> tuple[float, ...]:
    return tuple(math.fsum(shares[: number + 1]) for number in range(len(shares)))


def _plain(value: Any) -> Any:
    """Return truth values as numbers, so that values of a column can be sorted; others unchanged."""
    return int(value) if isinstance(value, bool) else value
