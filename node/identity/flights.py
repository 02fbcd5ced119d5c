"""Asking once where many want to know: callers of the same question share one flight."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

Answer = TypeVar("Answer")


class Flights(Generic[Answer]):
    """At most one flight for each key at a time. A caller that gives up does not bring the flight down."""

    def __init__(self) -> None:
        self._under_way: dict[str, asyncio.Task[Answer]] = {}

    async def join(self, key: str, start: Callable[[], Coroutine[Any, Any, Answer]]) -> Answer:
        """The answer of the flight under way for ``key``, or of a new one; its error is everybody's error."""
        flight = self._under_way.get(key)
        if flight is None:
            flight = asyncio.create_task(start())
            self._under_way[key] = flight
            flight.add_done_callback(lambda landed: self._land(key, landed))
        return await asyncio.shield(flight)

    def __contains__(self, key: str) -> bool:
        return key in self._under_way

    def __len__(self) -> int:
        return len(self._under_way)

    def _land(self, key: str, flight: asyncio.Task[Answer]) -> None:
        del self._under_way[key]
        if not flight.cancelled():
            flight.exception()  # looked at, so that a flight whose callers all gave up makes no noise
