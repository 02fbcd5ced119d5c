"""Waiting for a change of one subject, such as a negotiation or a run, instead of asking again and again."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

AMONG_OTHERS: Final = 0.25
"""Seconds until the first look if other processes commit too, which do not notify this one."""

ALONE: Final = 2.0
"""Seconds between two looks if only this process commits; the longest pause otherwise."""

Concerns = Callable[[Any], bool]
"""Returns whether what a notice tells may be what a waiter waits for."""

LONGER: Final = 1.5
"""The factor by which each further pause of a waiter grows: otherwise a node with many waiters would mostly look."""


class Watch:
    """A waiter for some subjects. It misses no notice between two calls of ``wait``."""

    def __init__(self, pause: float, concerns: Concerns) -> None:
        """``pause``: the seconds after which the waiter looks again even without a notice; the pauses grow."""
        self.concerns = concerns
        self.pause = self._first_pause = pause
        self._loop = asyncio.get_running_loop()
        self._changed_event = asyncio.Event()

    def tell(self) -> None:
        """Wake the waiter. May be called from any thread."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._changed_event.set)

    async def wait(self, seconds: float | None = None) -> None:
        """Wait for a notice, at most so many seconds; None: the pause of this node."""
        try:
            await asyncio.wait_for(self._changed_event.wait(), self.pause if seconds is None else seconds)
        except TimeoutError:
            self.pause = min(self.pause * LONGER, max(ALONE, self._first_pause))
            return
        self.pause = self._first_pause
        self._changed_event.clear()


class Changes:
    """Notifies the watchers of a subject that a change was committed, without its content: they look for themselves.
    No other waiter is woken: with many waiters, a node would do little else than look."""

    def __init__(self, *, alone: bool = False) -> None:
        """``alone``: no other process commits to the database of this node, so nearly every change gives a notice."""
        self._pause = ALONE if alone else AMONG_OTHERS
        self._watches: dict[str, set[Watch]] = {}
        self._lock = threading.Lock()

    def tell(self, subject: str, notice: object = None) -> None:
        """Notify the watchers of ``subject`` that ``notice`` concerns of a committed change. May be called from any
        thread."""
        with self._lock:
            watches = list(self._watches.get(subject, ()))
        for watch in watches:
            if watch.concerns(notice):
                watch.tell()

    @contextmanager
    def watch(self, *subjects: str, concerns: Concerns = lambda notice: True) -> Iterator[Watch]:
        """Yield a watch for a change of any of ``subjects``. Enter it before the first look, so that no change falls
        between look and wait.

        Notices for which ``concerns`` returns false do not wake it.
        """
        watch = Watch(self._pause, concerns)
        with self._lock:
            for subject in subjects:
                self._watches.setdefault(subject, set()).add(watch)
        try:
            yield watch
        finally:
            with self._lock:
                for subject in set(subjects):
                    watches = self._watches[subject]
                    watches.discard(watch)
                    if not watches:
                        del self._watches[subject]
