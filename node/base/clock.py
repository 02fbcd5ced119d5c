"""Time as a port, so that tests and simulations own it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
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


class WatchedClock:
    """A clock that notices when it is set back, however short it was ahead.

    Looking now and then would not do: a clock that is set ahead and back between two looks seems to stand right, and
    what was put off meanwhile still waits for the wrong moment.
    """

    def __init__(self, clock: Clock, elapsed: Callable[[], float] = time.monotonic) -> None:
        """``elapsed`` counts seconds and cannot be set."""
        self._clock = clock
        self._elapsed = elapsed
        self._lock = threading.Lock()
        self._ahead = self._offset(clock.now())

    def now(self) -> datetime:
        now = self._clock.now()
        self._noted(self._offset(now))
        return now

    def set_back(self) -> float:
        """By how many seconds it is behind the latest moment that it has told, with what has passed since added."""
        offset = self._offset(self._clock.now())
        return self._noted(offset) - offset

    def forget(self) -> None:
        """Begin anew: what it told so far no longer counts."""
        with self._lock:
            self._ahead = self._offset(self._clock.now())

    def _noted(self, offset: float) -> float:
        if offset > self._ahead:
            with self._lock:
                self._ahead = max(self._ahead, offset)
        return self._ahead

    def _offset(self, now: datetime) -> float:
        return now.timestamp() - self._elapsed()


def is_younger(at: datetime, now: datetime, age: timedelta) -> bool:
    """Whether what was made or fetched at ``at`` is less than ``age`` old.

    What seems to be of the future is not: the clock has been set back since, so its age is unknown.
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
