"""Changes that wait for their subscriber, and the notifications that they are put into."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

from node.transfer.notifications.changes import DataChange

MOST_ENTITIES: Final = 200
"""Entities of one notification."""
MOST_BYTES: Final = 256 << 10
"""Bytes of the entities of one notification; a larger entity has one of its own."""
_WAITING: Final = 400


class ChangeQueue:
    """The changes that were read and not sent yet. Reading waits when there are many."""

    def __init__(self) -> None:
        self._changes: asyncio.Queue[DataChange | None] = asyncio.Queue(_WAITING)
        self._reading: asyncio.Task[None] | None = None
        self.is_over = False
        """True as soon as nothing more comes."""

    @asynccontextmanager
    async def reading(self, changes: AsyncIterator[DataChange]) -> AsyncIterator[None]:
        """Read changes within a block."""
        self._reading = asyncio.create_task(self._read(changes))
        try:
            yield
        finally:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)

    async def wait(self, patience: float | None) -> list[DataChange]:
        """Wait for changes, and return those that are there: none if nothing more comes. Raises ``TimeoutError``."""
        changes: list[DataChange] = []
        change = await asyncio.wait_for(self._changes.get(), patience)
        while change is not None:
            changes.append(change)
            if len(changes) >= MOST_ENTITIES or self._changes.empty():
                return changes
            change = self._changes.get_nowait()
        self.is_over = True
        return changes

    async def gather(self, changes: Sequence[DataChange], seconds: float) -> list[DataChange]:
        """Return the latest change of each entity, after ``seconds`` in which more of them may come."""
        loop = asyncio.get_running_loop()
        due = loop.time() + seconds
        latest: dict[str, DataChange] = {}
        _keep_latest(latest, changes)
        with suppress(TimeoutError):
            while not self.is_over and (rest := due - loop.time()) > 0:
                _keep_latest(latest, await self.wait(rest))
        return list(latest.values())

    async def require_end(self) -> None:
        """Raise the error of reading, if it ended by one."""
        if self._reading is not None:
            await self._reading

    async def _read(self, changes: AsyncIterator[DataChange]) -> None:
        try:
            async for change in changes:
                await self._changes.put(change)
        except Exception:
            await self._changes.put(None)
            raise
        await self._changes.put(None)


def context_of(changes: Sequence[DataChange]) -> str:
    """Return the context of the names in some changes; empty for the core context."""
    return next((change.context for change in changes if change.context), "")


def portions(entities: Sequence[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    """Yield the entities of each notification."""
    portion: list[Mapping[str, Any]] = []
    size = 0
    for entity in entities:
        length = len(json.dumps(entity, ensure_ascii=False).encode("utf-8", "replace"))
        if portion and (len(portion) >= MOST_ENTITIES or size + length > MOST_BYTES):
            yield portion
            portion, size = [], 0
        portion.append(entity)
        size += length
    if portion:
        yield portion


def _keep_latest(latest: dict[str, DataChange], changes: Sequence[DataChange]) -> None:
    """Put changes into ``latest`` by entity, the newest last: their order is that of their places."""
    for change in changes:
        name = change.entity["id"] if change.entity is not None else f" {len(latest)}"
        latest.pop(name, None)
        latest[name] = change
