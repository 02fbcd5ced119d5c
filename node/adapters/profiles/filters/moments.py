"""Moments and periods of filters in SQL: the literals of CQL2, and its relations of time (OGC 21-065r2, 6.7).

A day is the time from its first to its last microsecond where periods are compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any, Final

from node.adapters.profiles.relations import sql_text
from node.base.errors import InvalidInput

MOMENT: Final = "TIMESTAMP WITH TIME ZONE"
OPEN: Final = ("..", "")
_EARLIEST: Final = f"CAST('-infinity' AS {MOMENT})"
_LATEST: Final = f"CAST('infinity' AS {MOMENT})"

RELATIONS: Final = {
    "t_after": "{a0} > {b1}",
    "t_before": "{a1} < {b0}",
    "t_contains": "{a0} < {b0} AND {a1} > {b1}",
    "t_disjoint": "{a1} < {b0} OR {a0} > {b1}",
    "t_during": "{a0} > {b0} AND {a1} < {b1}",
    "t_equals": "{a0} = {b0} AND {a1} = {b1}",
    "t_finishedby": "{a0} < {b0} AND {a1} = {b1}",
    "t_finishes": "{a0} > {b0} AND {a1} = {b1}",
    "t_intersects": "{a0} <= {b1} AND {a1} >= {b0}",
    "t_meets": "{a1} = {b0}",
    "t_metby": "{a0} = {b1}",
    "t_overlappedby": "{a0} > {b0} AND {a0} < {b1} AND {a1} > {b1}",
    "t_overlaps": "{a0} < {b0} AND {a1} > {b0} AND {a1} < {b1}",
    "t_startedby": "{a0} = {b0} AND {a1} > {b1}",
    "t_starts": "{a0} = {b0} AND {a1} < {b1}",
}
"""The relations, for the begin (0) and the end (1) of both sides."""


@dataclass(frozen=True, slots=True)
class Period:
    """The begin and the end of a time, as expressions of SQL."""

    begin: str
    end: str


def relation(name: str, left: Period, right: Period) -> str:
    """Return the condition that two times stand in a relation of ``RELATIONS``."""
    return f"({RELATIONS[name].format(a0=left.begin, a1=left.end, b0=right.begin, b1=right.end)})"


def literal(text: Any) -> Period:
    """Return a day or a moment as written: ``2026-01-31``, ``2026-01-31T12:00:00Z``. Raises ``InvalidInput``."""
    if not isinstance(text, str):
        raise _wrong(text)
    try:
        if len(text) == 10:
            day = date.fromisoformat(text)
            ends = (datetime.combine(day, edge, UTC) for edge in (time.min, time.max))
            return Period(*(_moment(edge) for edge in ends))
        moment = datetime.fromisoformat(text)
        moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
        return Period(_moment(moment), _moment(moment))
    except (ValueError, OverflowError) as error:
        raise _wrong(text) from error


def period(begin: str, end: str) -> Period:
    """Return the time between two literals, each of which may be open (``..``). Raises ``InvalidInput``."""
    first = _EARLIEST if begin in OPEN else literal(begin).begin
    last = _LATEST if end in OPEN else literal(end).end
    if begin not in OPEN and end not in OPEN and first > last:
        raise InvalidInput(
            "the period ends before it begins", remedy="write begin/end, such as 2026-01-01/2026-02-01"
        )
    return Period(first, last)


def of_column(cell: str, kind: str) -> Period:
    """Return the time of a column of days or moments."""
    moment = f"CAST({cell} AS {MOMENT})"
    if kind == "DATE":
        return Period(moment, f"({moment} + INTERVAL '1 day' - INTERVAL '1 microsecond')")
    return Period(moment, moment)


def _moment(value: datetime) -> str:
    return f"CAST({sql_text(value.astimezone(UTC).isoformat())} AS {MOMENT})"


def _wrong(text: Any) -> InvalidInput:
    return InvalidInput(
        f"{str(text)[:40]!r} is no day or moment", remedy="write 2026-01-31 or 2026-01-31T12:00:00Z (RFC 3339)"
    )
