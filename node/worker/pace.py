"""The pace of the worker, its waits, and the time at which it gives up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """The speed of the worker, in seconds and counts. ``lane_width`` is the number of tasks of one lane that may run
    at a time, ``narrow_width`` the number if they move bytes: several slow peers, not two, are needed to take all
    places. ``lengthy`` is the number of the ``concurrency`` that may be tasks of lengthy topics.

    ``give_up_after`` counts the time during which a task was tried. It does not count the hours in which this node
    itself was off, nor the time before a person tried a dead letter again.
    """

    lease: float = 30.0
    poll: float = 1.0
    concurrency: int = 64
    lengthy: int = 32
    lane_width: int = 16
    narrow_width: int = 4
    first_delay: float = 0.2
    longest_delay: float = 30.0
    give_up_after: timedelta = timedelta(days=3)

    def delay(self, attempts: int) -> float:
        """Return the longest pause after so many attempts: it doubles up to a limit."""
        return min(self.longest_delay, self.first_delay * float(2 ** min(attempts, 16)))

    def seconds_spent(self, attempts: int) -> float:
        """Return about how many seconds a task with so many attempts has been tried."""
        growing = [self.delay(attempt) for attempt in range(1, min(attempts, 17) + 1)]
        return 0.75 * (sum(growing) + self.longest_delay * max(0, attempts - len(growing)))

    def is_exhausted(self, attempts: int) -> bool:
        """Return whether a task with so many attempts was tried for long enough."""
        return self.seconds_spent(attempts) > self.give_up_after.total_seconds()
