"""Places for harvests that run at the same time. A harvest that waits for its source gives its place to others.

A run holds a place while it works, because it may hold a page of 256 MB. A source that lets it wait, by dripping or
by long pauses, would keep the place from all other sources.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any, Final, TypeVar

T = TypeVar("T")

AT_ONCE: Final = 2
"""Harvests that work at the same time."""
WAITING: Final = 6
"""Harvests that wait for their sources beside these. Each may have received a part of a page."""
PATIENCE: Final = 15.0
"""Seconds for which a run keeps its place while it waits for its source."""


class _Place:
    """The place of one run, held or given to others."""

    def __init__(self, places: Places) -> None:
        self.places = places
        self.is_held = True


_CURRENT: ContextVar[_Place | None] = ContextVar("place of this harvest", default=None)


class Places:
    """Places in one process."""

    def __init__(self, at_once: int = AT_ONCE, waiting: int = WAITING) -> None:
        self._working = asyncio.Semaphore(at_once)
        self._waiting = asyncio.Semaphore(waiting)

    @asynccontextmanager
    async def hold(self) -> AsyncIterator[None]:
        """Wait for a place, and hold it."""
        await self._working.acquire()
        place = _Place(self)
        token = _CURRENT.set(place)
        try:
            yield
        finally:
            _CURRENT.reset(token)
            if place.is_held:
                self._working.release()

    async def lend(self, place: _Place, task: asyncio.Future[Any]) -> None:
        """Give the place to others until ``task`` is done; without effect if too many runs wait already."""
        if self._waiting.locked():
            await asyncio.wait({task})
            return
        async with self._waiting:
            self._working.release()
            place.is_held = False
            await asyncio.wait({task})
        await self._working.acquire()
        place.is_held = True


async def giving_way(waiting: Coroutine[Any, Any, T], patience: float = PATIENCE) -> T:
    """Return the result of ``waiting``, a wait for a source. A run that waits longer than ``patience`` seconds gives
    its place to others meanwhile."""
    place = _CURRENT.get()
    if place is None:
        return await waiting
    task = asyncio.ensure_future(waiting)
    try:
        finished, _ = await asyncio.wait({task}, timeout=patience)
        if not finished:
            await place.places.lend(place, task)
    except asyncio.CancelledError:
        task.cancel()
        raise
    return task.result()
