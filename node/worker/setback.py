"""When the clock is set back: what waits for a moment must not wait for that moment to come again.

Pauses and leases are moments in the queue. A clock that is set back by a day would put off every message that backs
off, and keep what a dead worker had leased from all others, for that long. Forward it is harmless: what waits is
tried sooner, and a lease that seems over is guarded by its fence.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from node.base.clock import Clock
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
        clock: Clock,
        pace: Pace,
        wake: Callable[[], None],
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        """``elapsed`` gives seconds that nobody sets."""
        self._uow = uow
        self._outbox = outbox
        self._clock = clock
        self._pace = pace
        self._wake = wake
        self._elapsed = elapsed
        self._seen = clock.now(), elapsed()

    def __call__(self) -> int:
        """Set right what is due too late or leased for too long; how much that was."""
        now, passed = self._clock.now(), self._elapsed()
        before, passed_before = self._seen
        went = (now - before).total_seconds() - (passed - passed_before)
        longest = self._pace.longest_delay
        if went < -TOLERANCE:
            log.warning("the clock was set back", extra={"seconds": round(-went)})
        else:
            longest += LONGEST_WAIT
        with self._uow.begin() as tx:
            changed = self._outbox.set_right(
                tx, now=now, latest=now + timedelta(seconds=longest), until=now + timedelta(seconds=self._pace.lease)
            )
        # Only now: where that failed, it is to be found again.
        self._seen = now, passed
        if changed:
            self._wake()
        return changed
