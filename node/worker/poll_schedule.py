"""Decides when the worker reads its queue, if no other worker uses the queue."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

MOST_KNOWN: Final = 256
"""If the queue holds so many tasks, some of them wait, however many are being carried out."""


class PollSchedule:
    """Decides when to read the queue: after a task was added, while it held more tasks at the last look than are
    carried out, and every ``pause`` seconds, to find tasks that were added without a notice. ``tell`` may be called
    from any thread."""

    def __init__(self, pause: float) -> None:
        self._pause = pause
        self._has_news = True
        self._next = 0.0
        self.left = True
        """True if tasks waited at the last look: for their time, their turn, or room."""
        self.is_short = False
        """True if the queue held few tasks at the last look, so that a look at it takes no time."""

    def tell(self) -> None:
        """Note that a task was added to the queue, or given back to it."""
        self._has_news = True

    def due(self, now: float) -> bool:
        """Return whether the queue is to be read, at ``now`` of the loop's clock."""
        return self._has_news or self.left or now >= self._next

    def begin(self, now: float) -> None:
        """Note that the queue is read now: a later notice asks for another look."""
        self._has_news = False
        self._next = now + self._pause

    def saw(self, live: Sequence[str], tasks: Collection[str]) -> None:
        """Note that at least the tasks ``live`` exist, and that ``tasks`` of them are being carried out."""
        self.is_short = len(live) < MOST_KNOWN
        self.left = len(live) >= MOST_KNOWN or not set(live).issubset(tasks)
