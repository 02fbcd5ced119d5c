"""The times of a NetCDF file: numbers since a moment, in a calendar (CF §4.4)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Final, Protocol

import numpy as np

from node.adapters.profiles.moments import Moments, usual_step

_TIME: Final = re.compile(r"\s*[A-Za-z]+\s+since\s+\S")
_USUAL: Final = frozenset({"", "standard", "gregorian", "proleptic_gregorian"})
_MOMENTS: Final = 10_000
"""Moments whose distances are compared."""
_SHORTEST: Final = timedelta(milliseconds=900)
"""A second, as far as numbers of days are exact."""


class HasAttributes(Protocol):
    """A variable of a file."""

    @property
    def name(self) -> str: ...

    @property
    def array(self) -> Any: ...

    @property
    def shape(self) -> tuple[int, ...]: ...

    def attribute(self, name: str) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """Counts of ``units`` in a calendar; ``fault`` says why they cannot be read as moments."""

    units: str
    name: str
    fault: str = ""

    def moment(self, count: float) -> datetime:
        """Return the moment of a count, to the second. Raises ``ValueError``."""
        return (self.exact_moment(count) + timedelta(milliseconds=500)).replace(microsecond=0)

    def exact_moment(self, count: float) -> datetime:
        """Return the moment of a count, to the microsecond. Raises ``ValueError``."""
        from netCDF4 import num2date

        try:
            calendar = self.name or "standard"
            moments: Any = num2date([count], self.units, calendar=calendar, only_use_cftime_datetimes=False)
            moment = moments[0]
            # As in all tables: the time of the file, in no zone.
            return datetime(  # noqa: DTZ001
                moment.year, moment.month, moment.day, moment.hour, moment.minute, moment.second, moment.microsecond
            )
        except (OverflowError, TypeError, KeyError, AttributeError) as error:
            raise ValueError(str(error)) from error

    def read(self, count: str) -> str:
        """Return the moment of a count as ISO 8601; empty for none, and for one that is no moment."""
        try:
            return self.moment(float(count)).isoformat() if count else ""
        except ValueError:
            return ""


def calendar_of(variable: HasAttributes) -> Calendar | None:
    """Return how a variable counts time; None if it does not."""
    units = variable.attribute("units")
    if not _TIME.match(units) or getattr(variable.array.dtype, "kind", "") not in "iuf":
        return None
    calendar = Calendar(units=units, name=variable.attribute("calendar").lower())
    if calendar.name not in _USUAL:
        fault = f"the times of {variable.name} are in the calendar {calendar.name}: the period is for you to write"
        return Calendar(units=units, name=calendar.name, fault=fault)
    try:
        calendar.moment(0)
    except ValueError:
        fault = f"the times of {variable.name} cannot be read: {units}"
        return Calendar(units=units, name=calendar.name, fault=fault)
    return calendar


def span(variables: Sequence[tuple[HasAttributes, Calendar | None]]) -> Moments:
    """Return the first and the last moment of all times, and the usual step of the first that is a list."""
    edges: list[datetime] = []
    step = ""
    for variable, calendar in variables:
        if calendar is None or calendar.fault or len(variable.shape) > 1:
            continue
        counts = np.ma.asarray(variable.array[...]).compressed()
        counts = counts[np.isfinite(counts)]
        if not counts.size:
            continue
        try:
            edges += [calendar.moment(float(counts.min())), calendar.moment(float(counts.max()))]
            step = step or _step(calendar, np.sort(counts.ravel()[:_MOMENTS]).tolist())
        except ValueError:
            continue
    if not edges:
        return Moments()
    return Moments(begins=min(edges).isoformat(), ends=max(edges).isoformat(), step=step)


def _step(calendar: Calendar, counts: Sequence[float]) -> str:
    """Return the usual distance of moments as a duration; empty if there is none, or it is less than a second."""
    moments = [calendar.exact_moment(float(count)) for count in counts]
    distances = [after - before for before, after in pairwise(moments) if after > before]
    if not distances or min(distances) < _SHORTEST:
        return ""
    return usual_step([calendar.moment(float(count)) for count in counts])
