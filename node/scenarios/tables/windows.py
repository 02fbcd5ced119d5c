"""Windows of time: rows of a quarter of an hour become rows of an hour, by the moment at which each window begins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from node.base.errors import InvalidInput
from node.scenarios.tables.daytimes import DAY, Moment, Part, clock_of, clock_text
from node.scenarios.tables.spans import parse_step, step_text

_SHORTEST_TEXT: Final = 10


@dataclass(frozen=True, slots=True)
class Windows:
    """Windows of ``length`` over the times in ``column``, counted from midnight in the offset that a time is written
    in."""

    column: str
    length: timedelta
    parts: tuple[Part, ...] = field(default=(), init=False)

    def part_of(self, moment: Moment) -> str:
        """Return the beginning of the window of a moment, written like the moment."""
        begin = moment.clock - moment.clock % self.length
        if moment.local is None:
            return clock_text(begin)
        midnight = moment.local - moment.clock
        return (midnight + begin).isoformat().replace("+00:00", "Z")

    def moment(self, value: Any) -> Moment:
        """Read ``07:00`` or a timestamp. Raises ``InvalidInput`` for other texts."""
        text = str(value).strip()
        clock = clock_of(text)
        if clock is not None:
            return Moment(clock, clock)
        try:
            local = datetime.fromisoformat(text)
        except ValueError:
            local = None
        if local is None or len(text) <= _SHORTEST_TEXT:
            raise InvalidInput(
                f"{text[:40]!r} is not a time",
                remedy="write 07:00 or 2026-10-01T07:00:00Z",
                facts={"value": text[:40]},
            )
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
        instant = local.replace(tzinfo=UTC) if local.tzinfo is None else local.astimezone(UTC)
        return Moment(local - midnight, instant, local)


def parse_windows(definition: Mapping[str, Any], path: str) -> Windows:
    """Read ``{of: column, window: PT1H}``. Raises ``InvalidInput``."""
    if unknown := sorted(set(map(str, definition)) - {"of", "window"}):
        raise _bad(path, f"says {unknown[0]!r}", "its members are of and window")
    column = definition.get("of")
    if not isinstance(column, str) or not column:
        raise _bad(f"{path}.of", "names no column", "name the column that holds the time")
    try:
        length = parse_step(str(definition["window"]))
    except InvalidInput as error:
        raise _bad(f"{path}.window", f"is wrong: {error.detail}", error.remedy) from None
    if DAY % length:
        raise _bad(
            f"{path}.window", f"is {step_text(length)}", "write a window that divides a day: PT30M, PT1H or P1D"
        )
    return Windows(column, length)


def _bad(path: str, why: str, remedy: str) -> InvalidInput:
    return InvalidInput(f"column mapping: {path} {why}", remedy=remedy, facts={"at": path})
