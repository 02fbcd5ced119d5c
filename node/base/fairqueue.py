"""Places for work, given out in turns: a caller with many requests waits for its own and delays no others."""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import Callable

from node.base.errors import Overloaded


class FairQueue:
    """``places`` in all, at most ``bound(key)`` of them for one key.

    If more are requested, requests wait. A free place goes to the keys in turns, and within one key to the request
    that has waited longest. For one event loop.
    """

    def __init__(self, *, places: int, bound: Callable[[str], int], longest_wait: float) -> None:
        self._free = places
        self._bound = bound
        self._longest_wait = longest_wait
        self._in_use: Counter[str] = Counter()
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        self._turns: OrderedDict[str, None] = OrderedDict()
        """Waiting keys that may have one more place, the next one first."""

    async def enter(self, key: str) -> Place:
        """Return a place for one request of ``key``. Raises ``Overloaded`` after ``longest_wait`` seconds."""
        place = Place(self, key)
        if self._free and not self._turns and self._in_use[key] < self._bound(key):
            self._give(key)
            return place
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(key, deque()).append(waiter)
        self._queue(key)
        try:
            async with asyncio.timeout(self._longest_wait):
                await waiter
        except BaseException as error:
            if waiter.done() and not waiter.cancelled():
                place.leave()
            else:
                self._forget(key, waiter)
            if isinstance(error, TimeoutError):
                raise Overloaded("this node is overloaded", remedy="try again in a moment") from error
            raise
        return place

    def leave(self, key: str) -> None:
        """Free a place of ``key``, and give out the free places."""
        self._free += 1
        self._in_use[key] -= 1
        if not self._in_use[key]:
            del self._in_use[key]
        self._queue(key)
        while self._free and self._turns:
            key, _ = self._turns.popitem(last=False)
            waiter = self._waiting[key].popleft()
            if not self._waiting[key]:
                del self._waiting[key]
            if not waiter.done():  # A request that has just given up leaves the place to the next.
                self._give(key)
                waiter.set_result(None)
            self._queue(key)

    def _give(self, key: str) -> None:
        self._free -= 1
        self._in_use[key] += 1

    def _queue(self, key: str) -> None:
        if key in self._waiting and self._in_use[key] < self._bound(key):
            self._turns.setdefault(key, None)

    def _forget(self, key: str, waiter: asyncio.Future[None]) -> None:
        waiting = self._waiting.get(key)
        if waiting is None or waiter not in waiting:
            return
        waiting.remove(waiter)
        if not waiting:
            del self._waiting[key]
            self._turns.pop(key, None)


class Place:
    """A place that was given out, until it is left; leaving it again does nothing."""

    def __init__(self, queue: FairQueue, key: str) -> None:
        self._queue: FairQueue | None = queue
        self._key = key

    def leave(self) -> None:
        """Free the place."""
        queue, self._queue = self._queue, None
        if queue is not None:
            queue.leave(self._key)
