"""How fast the worker works, how long it waits, and when it gives up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How the worker works: seconds and counts. ``lane_width``: how many tasks of one lane run at a time, and
    ``narrow_width`` how many where they move bytes: several slow peers, and not two, take all places there are.
    ``lengthy``: how many of the ``concurrency`` may be tasks of lengthy topics.

    ``give_up_after`` counts the time for which a task was tried. The hours in which this node itself was off do not
    count, nor does what lay before a person tried a dead letter again.
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
        """The longest pause after so many attempts: doubling, capped."""
        return min(self.longest_delay, self.first_delay * float(2 ** min(attempts, 16)))

    def spent(self, attempts: int) -> float:
        """For about how many seconds a task has been tried that was attempted so often."""
        growing = [self.delay(attempt) for attempt in range(1, min(attempts, 17) + 1)]
        return 0.75 * (sum(growing) + self.longest_delay * max(0, attempts - len(growing)))

    def exhausted(self, attempts: int) -> bool:
        """Whether a task that was attempted so often was tried for long enough."""
        return self.spent(attempts) > self.give_up_after.total_seconds()
