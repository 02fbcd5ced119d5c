"""When the clock is set back: what waits for a moment must not wait for that moment to come again.

Pauses and leases are moments in the queue. A clock that is set back by a day would put off every message that backs
off, and keep what a dead worker had leased from all others, for that long. Forward it is harmless: what waits is
tried sooner, and a lease that seems over is guarded by its fence.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from node.base.clock import WatchedClock
from node.base.work import Outbox, UnitOfWork
from node.worker.deliveries import LONGEST_WAIT
from node.worker.pace import Pace

TOLERANCE: Final = 5.0
"""Seconds by which a clock may be corrected without being set back."""

log = logging.getLogger("hansa.worker")


class SetRight:
    """To be called now and then, at the start and between.

    No pause is longer than the longest that a peer may ask for. Where this process has seen the clock go back, none
    is longer than our own longest one: a peer that had asked for more is asked sooner.
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
        """``clock`` is the one that every moment in the queue is told by."""
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
            changed = self._outbox.set_right(
                tx, now=now, latest=now + timedelta(seconds=longest), until=now + timedelta(seconds=self._pace.lease)
            )
        if back > TOLERANCE:
            self._clock.forget()  # Only now: where that failed, it is to be found again.
        if changed:
            self._wake()
        return changed
