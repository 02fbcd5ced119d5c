"""When the worker reads its queue, where no other worker uses it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

MOST_KNOWN: Final = 256
"""With so many tasks in the queue there are some that wait, whatever is being carried out."""


class Looks:
    """The queue is read when something was put into it, while it held more at the last look than is carried out, and
    every ``pause`` seconds: what was put into it without telling is found then. May be told from any thread.
    """

    def __init__(self, pause: float) -> None:
        self._pause = pause
        self._has_news = True
        self._next = 0.0
        self.left = True
        """Whether tasks waited at the last look, for their time, their turn, or room."""

    def tell(self) -> None:
        """Something was put into the queue, or was given back to it."""
        self._has_news = True

    def due(self, now: float) -> bool:
        """Whether the queue is to be read, at ``now`` of the loop's clock."""
        return self._has_news or self.left or now >= self._next

    def begin(self, now: float) -> None:
        """Note that the queue is read now: a later notice asks for another look."""
        self._has_news = False
        self._next = now + self._pause

    def saw(self, live: Sequence[str], known: Collection[str]) -> None:
        """At least the tasks ``live`` exist, and ``known`` of them are being carried out."""
        self.left = len(live) >= MOST_KNOWN or not set(live).issubset(known)
