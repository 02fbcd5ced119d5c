"""Time as a port, so that tests and simulations control it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """A clock. Every moment in Hansa is an aware datetime in UTC."""

    def now(self) -> datetime:
        """Return the present moment, aware, in UTC."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class WatchedClock:
    """A clock that notices when it is set back, however briefly it was ahead.

    Checking now and then would not do: a clock that is set ahead and back between two checks seems right, and tasks
    that were put off meanwhile still wait for the wrong moment.
    """

    def __init__(self, clock: Clock, monotonic: Callable[[], float] = time.monotonic) -> None:
        """``monotonic`` counts seconds and cannot be set."""
        self._clock = clock
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._ahead = self._offset(clock.now())

    def now(self) -> datetime:
        now = self._clock.now()
        offset = now.timestamp() - self._monotonic()
        if offset > self._ahead:
            self._note(offset)
        return now

    def set_back(self) -> float:
        """Return the seconds by which the clock is behind its latest moment plus the time passed since."""
        offset = self._offset(self._clock.now())
        return self._note(offset) - offset

    def forget(self) -> None:
        """Begin again: moments returned so far no longer count."""
        with self._lock:
            self._ahead = self._offset(self._clock.now())

    def _note(self, offset: float) -> float:
        if offset > self._ahead:
            with self._lock:
                self._ahead = max(self._ahead, offset)
        return self._ahead

    def _offset(self, now: datetime) -> float:
        return now.timestamp() - self._monotonic()


def is_younger(at: datetime, now: datetime, age: timedelta) -> bool:
    """Return whether something made or fetched at ``at`` is less than ``age`` old.

    False for a moment in the future: the clock has been set back since, so the age is unknown.
    """
    return timedelta() <= now - at < age


def stamp(moment: datetime) -> str:
    """Return ``moment`` as an XSD dateTime in UTC with microseconds and ``Z``; its text order is its time order."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def moment(text: str) -> datetime:
    """Return the aware datetime in ``text`` (XSD dateTime; a date alone means its midnight, UTC).

    Raises ``ValueError`` if ``text`` is not a date or time, or none that UTC has (before year 1, after 9999).
    """
    parsed = datetime.fromisoformat(text)
    try:
        return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("this time is outside the years 1 to 9999 in UTC") from error
