"""The share of the worker for each peer, and the pause after a peer that does not answer."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from typing import Final

from node.base.clock import Clock

PATIENT: Final = 2
"""Failures in a row that count as chance; from the next one on the lane rests."""

LONGEST_REST: Final = timedelta(seconds=30)


class Lanes:
    """A circuit breaker for each lane.

    A lane rests if its peer did not answer three times in a row: first for a second, then twice as long each time.
    After the rest one task is tried; the lane gets its full width back only when this task succeeds. May be called
    from any thread.
    """

    def __init__(self, clock: Clock, width: int) -> None:
        """``width``: how many tasks of one lane may run at a time."""
        self._clock = clock
        self._width = width
        self._failures: dict[str, int] = {}
        self._until: dict[str, datetime] = {}
        self._lock = threading.Lock()

    def up(self, lane: str) -> None:
        """Note that the peer answered."""
        with self._lock:
            self._failures.pop(lane, None)
            self._until.pop(lane, None)

    def down(self, lane: str) -> None:
        """Note that the peer did not answer. A task that began before a rest and fails during it does not extend the
        rest."""
        with self._lock:
            if self._rests(lane):
                return
            failures = self._failures[lane] = self._failures.get(lane, 0) + 1
            if failures > PATIENT:
                rest = min(LONGEST_REST, timedelta(seconds=2.0 ** min(failures - PATIENT - 1, 16)))
                self._until[lane] = self._clock.now() + rest

    def resting(self) -> list[str]:
        """Return the lanes that rest now."""
        with self._lock:
            return [lane for lane in self._until if self._rests(lane)]

    def width(self, lane: str) -> int:
        """Return how many tasks of this lane may run."""
        with self._lock:
            return 1 if self._failures.get(lane, 0) > PATIENT else self._width

    def _rests(self, lane: str) -> bool:
        until = self._until.get(lane)
        # A rest longer than the longest that we set comes from a clock that was set back: it does not count.
        return until is not None and timedelta() < until - self._clock.now() <= LONGEST_REST
