"""Time as a port, so that tests and simulations own it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Tells the time. Every moment in Hansa is an aware datetime in UTC."""

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


def is_younger(at: datetime, now: datetime, age: timedelta) -> bool:
    """Whether what was made or fetched at ``at`` is less than ``age`` old.

    What seems to be of the future is not: the clock has been set back since, and nobody knows how old it is.
    """
    return timedelta() <= now - at < age


def stamp(moment: datetime) -> str:
    """``moment`` as an XSD dateTime in UTC with microseconds and ``Z``: sorts as text as it sorts in time."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def moment(text: str) -> datetime:
    """The aware datetime that ``text`` (XSD dateTime; a date alone means its midnight, UTC) names.

    Raises ``ValueError`` where ``text`` is no date or time.
    """
    parsed = datetime.fromisoformat(text)
    return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
