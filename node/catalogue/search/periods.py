"""Days as people and descriptions write them: a year, a month, a day, or a moment on a day."""

from __future__ import annotations

import calendar
import re
from datetime import date
from typing import Final

from node.base.errors import InvalidInput
from node.catalogue.model import Period

_WRITTEN: Final = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2})(?:T.{0,40}|[Z+-].{0,6})?)?)?")


def first_day(text: str) -> date | None:
    """Return the first day of ``2024``, ``2024-05`` or ``2024-05-17``; None for anything else."""
    return _day(text, last=False)


def last_day(text: str) -> date | None:
    """Return the last day of such a text: 31 December for a year."""
    return _day(text, last=True)


def period(begin: str | None, end: str | None) -> Period | None:
    """Return the days from ``begin`` to ``end``; either may be missing, and the result is None if both are.

    Raises ``InvalidInput`` if a text is not a day, and if the end comes before the beginning.
    """
    first, last = _parameter("from", begin, last=False), _parameter("to", end, last=True)
    if first and last and last < first:
        raise InvalidInput(
            "the period ends before it begins", remedy="exchange “from” and “to”", facts={"case": "period"}
        )
    return (first, last) if first or last else None


def _parameter(name: str, text: str | None, *, last: bool) -> date | None:
    if not text:
        return None
    day = _day(text, last=last)
    if day is None:
        raise InvalidInput(
            f"“{name}” is not a day, a month or a year",
            remedy=f"write {name}=2024, {name}=2024-05 or {name}=2024-05-17",
            facts={"case": "period"},
        )
    return day


def _day(text: str, *, last: bool) -> date | None:
    match = _WRITTEN.fullmatch(text.strip())
    if match is None:
        return None
    year = int(match[1])
    month = int(match[2] or (12 if last else 1))
    try:
        day = int(match[3] or (calendar.monthrange(year, month)[1] if last else 1))
        return date(year, month, day)
    except ValueError:  # IllegalMonthError is one.
        return None
