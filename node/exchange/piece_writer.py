"""Pieces that arrive are written beside the arrival of the next ones, and synced at intervals."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any

from node.exchange.offloop import Beside
from node.exchange.spool import READ_SIZE


class PieceWriter:
    """Writes what is added in batches of about 1 MiB: one batch is written while the next one is gathered."""

    def __init__(
        self,
        write: Callable[[list[bytes]], Awaitable[None]],
        sync: Callable[[], Coroutine[Any, Any, None]],
        *,
        sync_bytes: int,
        sync_seconds: float,
    ) -> None:
        """``sync`` is called when so many bytes were written or so many seconds have passed, unless it is running."""
        self._write_batch = write
        self._sync = sync
        self._sync_bytes = sync_bytes
        self._sync_seconds = sync_seconds
        self._batch: list[bytes] = []
        self._gathered = self._unsynced = 0
        self._synced_at = time.monotonic()
        self._has_failed = False
        self._writing, self._syncing = Beside(), Beside()

    async def add(self, piece: bytes) -> None:
        """Take ``piece``. Raises the errors of an earlier batch or sync."""
        self._batch.append(piece)
        self._gathered += len(piece)
        if self._gathered < READ_SIZE:
            return
        await self._writing.settle()
        batch, self._batch = self._batch, []
        self._gathered, size = 0, self._gathered
        await self._writing.start(partial(self._write, batch, size))
        now = time.monotonic()
        due = self._unsynced >= self._sync_bytes or now - self._synced_at >= self._sync_seconds
        if due and await self._syncing.start(self._sync):
            self._unsynced, self._synced_at = 0, now

    async def finish(self) -> None:
        """Write the rest, unless an earlier batch could not be written: a gap would be in its place. Raises as
        ``add`` does."""
        try:
            await self._writing.settle()
            if self._batch and not self._has_failed:
                await self._write(self._batch, self._gathered)
        finally:
            self._batch = []
            await self._syncing.settle()

    async def _write(self, batch: list[bytes], size: int) -> None:
        try:
            await self._write_batch(batch)
        except BaseException:
            self._has_failed = True
            raise
        self._unsynced += size
