"""Parts of the day: the part of a moment, by clock times that may pass midnight."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from node.base.errors import InvalidInput

DAY: Final = timedelta(days=1)
_CLOCK: Final = re.compile(r"(?P<hours>[01]\d|2[0-3]):(?P<minutes>[0-5]\d)(?::(?P<seconds>[0-5]\d))?")
_MIDNIGHT: Final = "24:00"
LEAVE_OUT: Final = "leave out"


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the day: from ``begin`` until before ``end``, since midnight; it may pass midnight."""

    name: str
    begin: timedelta
    end: timedelta

    def holds(self, clock: timedelta) -> bool:
        if self.begin < self.end:
            return self.begin <= clock < self.end
        return clock >= self.begin or clock < self.end


@dataclass(frozen=True, slots=True)
class Moment:
    """A time in a row: ``clock`` is the local time since midnight, ``instant`` its identity among others.
    ``local`` is a timestamp as it is written."""

    clock: timedelta
    instant: datetime | timedelta
    local: datetime | None = None


@dataclass(frozen=True, slots=True)
class Dayparts:
    """The parts of the day of the times in ``column``. ``zone`` applies to timestamps with an offset."""

    column: str
    parts: tuple[Part, ...]
    zone: ZoneInfo | None = None
    leave_out: bool = False

    def part_of(self, moment: Moment) -> str | None:
        """Return the part of a moment; None if it is left out. Raises ``InvalidInput`` if no part has it."""
        for part in self.parts:
            if part.holds(moment.clock):
                return part.name
        if self.leave_out:
            return None
        raise InvalidInput(
            f"{clock_text(moment.clock)} is not in any part of the day",
            remedy="add a part that has this time, or leave such rows out",
        )

    def moment(self, value: Any) -> Moment:
        """Read ``07:00`` or a timestamp. Raises ``InvalidInput`` for other texts, and for an offset without a
        zone."""
        text = str(value).strip()
        if (since := clock_of(text)) is not None:
            return Moment(since, since)
        try:
            read = datetime.fromisoformat(text)
        except ValueError:
            raise InvalidInput(
                f"{text[:40]!r} is not a time",
                remedy="write 07:00 or 2026-10-01T07:00:00Z",
                facts={"value": text[:40]},
            ) from None
        if len(text) <= 10:
            raise InvalidInput(f"{text!r} is a day without a time", remedy="write 2026-10-01T07:00:00Z")
        if read.tzinfo is None:
            local = read
            instant = read.replace(tzinfo=UTC)
        elif self.zone is None:
            raise InvalidInput(
                f"{text!r} is a time with an offset, and the definition does not say where the day is counted",
                remedy="add zone: Europe/Brussels next to the parts of the day",
            )
        else:
            local = read.astimezone(self.zone).replace(tzinfo=None)
            instant = read.astimezone(UTC)
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
        return Moment(local - midnight, instant)


def parse_dayparts(definition: Any, path: str) -> Dayparts:
    """Read ``{of: column, parts: {day: ["07:00", "19:00"], …}, zone: …, otherwise: leave out}``.

    The parts must not overlap, and fill the whole day unless other times are left out. Raises ``InvalidInput``.
    """
    if not isinstance(definition, Mapping):
        raise _bad(path, "does not define the parts of the day", 'write {of: quarter, parts: {day: ["07:00", …]}}')
    unknown = set(map(str, definition)) - {"of", "parts", "zone", "otherwise"}
    if unknown:
        raise _bad(path, f"says {sorted(unknown)[0]!r}", "its members are of, parts, zone and otherwise")
    column, stated_parts = definition.get("of"), definition.get("parts")
    if not isinstance(column, str) or not column:
        raise _bad(f"{path}.of", "names no column", "name the column that holds the time")
    if not isinstance(stated_parts, Mapping) or not stated_parts:
        raise _bad(f"{path}.parts", "names no parts", 'write {day: ["07:00", "19:00"], night: ["19:00", "07:00"]}')
    parts = tuple(_part(str(name), times, f"{path}.parts.{name}") for name, times in stated_parts.items())
    otherwise = definition.get("otherwise")
    if otherwise not in (None, LEAVE_OUT):
        raise _bad(f"{path}.otherwise", f"says {str(otherwise)[:40]!r}", f"write {LEAVE_OUT}, or nothing")
    _check_cover(parts, leave_out=otherwise == LEAVE_OUT, path=f"{path}.parts")
    return Dayparts(column, parts, _zone(definition.get("zone"), f"{path}.zone"), otherwise == LEAVE_OUT)


def _part(name: str, times: Any, path: str) -> Part:
    if not isinstance(times, list | tuple) or len(times) != 2:
        raise _bad(path, "has no begin and end", 'write ["07:00", "19:00"]')
    begin, end = (_clock(time, path) for time in times)
    if begin == DAY or begin == end % DAY:
        raise _bad(path, f"begins at {times[0]} and ends at {times[1]}", "a part must be shorter than a day")
    return Part(name, begin, end % DAY)


def _clock(value: Any, path: str) -> timedelta:
    if value == _MIDNIGHT:
        return DAY
    # YAML 1.1 reads 19:00 without quotes as 1140 (base 60), and 07:00 as a text.
    if isinstance(value, int) and not isinstance(value, bool):
        hours, minutes = divmod(value, 60)
        raise _bad(path, f"has the number {value} for a time", f'put the time in quotes: "{hours:02}:{minutes:02}"')
    match = _CLOCK.fullmatch(str(value).strip())
    if not match:
        raise _bad(path, f"has {str(value)[:40]!r} for a time", 'write "07:00"')
    return _since_midnight(match)


def clock_of(text: str) -> timedelta | None:
    """Return the time since midnight of ``07:00``; None for another text."""
    match = _CLOCK.fullmatch(text)
    return _since_midnight(match) if match else None


def _since_midnight(match: re.Match[str]) -> timedelta:
    return timedelta(hours=int(match["hours"]), minutes=int(match["minutes"]), seconds=int(match["seconds"] or 0))


def _check_cover(parts: tuple[Part, ...], *, leave_out: bool, path: str) -> None:
    moments = sorted({part.begin for part in parts} | {part.end for part in parts} | {timedelta()})
    for moment in moments:
        inside = [part.name for part in parts if part.holds(moment)]
        if len(inside) > 1:
            raise _bad(path, f"has {inside[0]} and {inside[1]} at {clock_text(moment)}", "remove the overlap")
        if not inside and not leave_out:
            raise _bad(
                path, f"has no part at {clock_text(moment)}", f"fill the whole day, or add otherwise: {LEAVE_OUT}"
            )


def _zone(name: Any, path: str) -> ZoneInfo | None:
    if name is None:
        return None
    try:
        return ZoneInfo(str(name))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise _bad(path, f"is {str(name)[:40]!r}, which is not a time zone", "write Europe/Brussels") from None


def clock_text(clock: timedelta) -> str:
    """Return a time since midnight as ``07:00``."""
    minutes = int(clock.total_seconds()) // 60
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _bad(path: str, why: str, remedy: str) -> InvalidInput:
    return InvalidInput(f"{path} {why}", remedy=remedy, facts={"at": path})
