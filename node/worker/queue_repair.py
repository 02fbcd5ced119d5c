"""Correct the queue when the clock was set back: tasks must not wait until the old time comes again.

Pauses and leases are moments in the queue. If a clock is set back by a day, every message that backs off would be
delayed by that time, and tasks leased by a dead worker would stay locked as long. Setting it forward is harmless:
waiting tasks are tried sooner, and the fence of a lease guards it if it seems to have expired.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from node.base.clock import WatchedClock
from node.base.delivery import LONGEST_WAIT
from node.base.work import Outbox, UnitOfWork
from node.worker.pace import Pace

TOLERANCE: Final = 5.0
"""Seconds by which a clock may be corrected without being set back."""

log = logging.getLogger("hansa.worker")


class QueueRepair:
    """Corrects the queue. Call it at the start and at intervals.

    Afterwards no pause is longer than the longest that a peer may ask for. If this process has seen the clock go
    back, no pause is longer than our own longest one: a peer that asked for a longer pause is called sooner.
    """

    def __init__(
        self,
        *,
        uow: UnitOfWork,
        outbox: Outbox,
        clock: WatchedClock,
        pace: Pace,
        wake: Callable[[], None],
    ) -> None:
        """``clock`` is the clock behind every moment in the queue."""
        self._uow = uow
        self._outbox = outbox
        self._clock = clock
        self._pace = pace
        self._wake = wake

    def __call__(self) -> int:
        """Correct tasks that are due too late or leased for too long; return how many."""
        back = self._clock.set_back()
        longest = self._pace.longest_delay
        if back > TOLERANCE:
            log.warning("the clock was set back", extra={"seconds": round(back)})
        else:
            longest += LONGEST_WAIT
        now = self._clock.now()
        with self._uow.begin() as tx:
            is_set = self._outbox.set_right(
                tx, now=now, latest=now + timedelta(seconds=longest), until=now + timedelta(seconds=self._pace.lease)
            )
        if back > TOLERANCE:
            self._clock.forget()  # Only now: if that failed, the next call must find it again.
        if is_set:
            self._wake()
        return is_set
