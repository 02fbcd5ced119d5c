"""Waiting for a commit instead of asking again and again."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Watch:
    """One waiter: what is told between two calls of ``changed`` is not missed."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._told = asyncio.Event()

    def tell(self) -> None:
        """From any thread."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._told.set)

    async def changed(self, seconds: float) -> None:
        """Until something was told, but at most so many seconds."""
        try:
            await asyncio.wait_for(self._told.wait(), seconds)
        except TimeoutError:
            return
        self._told.clear()


class Changes:
    """Tells all who watch that something was committed; not what, so that they look for themselves."""

    def __init__(self) -> None:
        self._watches: set[Watch] = set()
        self._lock = threading.Lock()

    def tell(self) -> None:
        """From any thread."""
        with self._lock:
            watches = list(self._watches)
        for watch in watches:
            watch.tell()

    @contextmanager
    def watch(self) -> Iterator[Watch]:
        """Begin before the first look, so that no change falls between the look and the wait."""
        watch = Watch()
        with self._lock:
            self._watches.add(watch)
        try:
            yield watch
        finally:
            with self._lock:
                self._watches.discard(watch)
