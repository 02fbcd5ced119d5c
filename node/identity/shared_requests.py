"""Share one request between callers that ask the same question at the same time: a flight."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

Answer = TypeVar("Answer")


class SharedRequests(Generic[Answer]):
    """At most one flight for each key at a time. A caller that gives up does not end the flight."""

    def __init__(self) -> None:
        self._under_way: dict[str, asyncio.Task[Answer]] = {}
        self._next: dict[str, asyncio.Task[Answer]] = {}

    async def join(self, key: str, start: Callable[[], Coroutine[Any, Any, Answer]]) -> Answer:
        """Return the answer of the flight in progress for ``key``, or of a new one; all its callers get its error."""
        request = self._under_way.get(key)
        if request is None:
            request = asyncio.create_task(start())
            self._under_way[key] = request
            request.add_done_callback(lambda landed: self._land(key, landed))
        return await asyncio.shield(request)

    async def join_next(self, key: str, start: Callable[[], Coroutine[Any, Any, Answer]]) -> Answer:
        """Like ``join``, but the answer is of a flight that begins after this call: nobody gets an answer that is
        older than the question. All who ask during a flight share the one after it."""
        if key not in self._under_way:
            return await self.join(key, start)
        request = self._next.get(key)
        if request is None:
            request = self._next[key] = asyncio.create_task(self._follow(self._under_way[key], key, start))
        return await asyncio.shield(request)

    async def _follow(
        self, earlier: asyncio.Task[Answer], key: str, start: Callable[[], Coroutine[Any, Any, Answer]]
    ) -> Answer:
        await asyncio.wait([earlier])
        del self._next[key]
        return await self.join(key, start)

    def __contains__(self, key: str) -> bool:
        return key in self._under_way

    def __len__(self) -> int:
        return len(self._under_way)

    def _land(self, key: str, request: asyncio.Task[Answer]) -> None:
        del self._under_way[key]
        if not request.cancelled():
            request.exception()  # read, so that nothing is logged if all callers have given up
