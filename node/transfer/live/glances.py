"""Looks at whether open reads may go on: all readers of one transfer share them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final, NoReturn

from node.transfer.access import AuthoriseAccess
from node.transfer.live.reads import ReadDataSource
from node.transfer.preconditions import Access

_GLANCE_SECONDS: Final = 0.4
"""Between two looks at whether an open read may go on, also while nothing comes from the source or the reader takes
nothing."""
_CHECK_SECONDS: Final = 2.0
"""Between two full checks of the permission, with the credentials of the reader."""


class _Watch:
    """The looks at one transfer, and how many readers share them."""

    def __init__(self, task: asyncio.Task[NoReturn]) -> None:
        self.task = task
        self.readers = 0


class Glances:
    """Watches the permissions of open reads."""

    def __init__(
        self, authorise: AuthoriseAccess, reads: ReadDataSource, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._authorise = authorise
        self._reads = reads
        self._monotonic = monotonic
        self._watches: dict[str, _Watch] = {}
        self._checks: dict[str, tuple[float, asyncio.Lock]] = {}

    async def watch(self, access: Access) -> NoReturn:
        """Raise the reason soon after a read may not go on: its transfer is paused or over, its agreement has ended,
        or its data source is removed."""
        pid = access.transfer.pid
        watch = self._watches.get(pid)
        if watch is None or watch.task.done():
            watch = self._watches[pid] = _Watch(asyncio.create_task(self._look(access)))
        watch.readers += 1
        try:
            await asyncio.shield(watch.task)
        finally:
            watch.readers -= 1
            if not watch.readers:
                watch.task.cancel()
                if self._watches.get(pid) is watch:
                    del self._watches[pid]
                    self._checks.pop(pid, None)
        raise AssertionError("a watch ends by its error")

    async def check(self, access: Access, *, anew: bool = False) -> None:
        """Check the permission in full, unless another reader of the transfer has just done so and it need not be
        done ``anew``. Raises ``NotAllowed``."""
        pid = access.transfer.pid
        _, lock = self._checks.setdefault(pid, (self._monotonic(), asyncio.Lock()))
        async with lock:
            at, _ = self._checks.get(pid, (0.0, lock))
            if anew or self._monotonic() - at >= _CHECK_SECONDS:
                await self._authorise.still(access)
                self._checks[pid] = (self._monotonic(), lock)

    async def _look(self, access: Access) -> NoReturn:
        while True:
            await asyncio.sleep(_GLANCE_SECONDS)
            await self._authorise.stands(access)
            await self._reads.require_source(access)
