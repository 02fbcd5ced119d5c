"""Looks at whether open reads may go on: all readers of one transfer share them.

A look follows each change of the transfer, of its agreement or of its data source that this process commits. Other
processes commit too, and dates pass without a commit: so there are looks at intervals as well.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final, NoReturn

from node.base.changes import Changes
from node.datasources.register import subject_of
from node.ledger.model import Entry, EntryKind
from node.transfer.access import AuthoriseAccess
from node.transfer.live.reads import ReadDataSource
from node.transfer.preconditions import Access

_GLANCE_SECONDS: Final = 0.4
"""At most between two looks at whether an open read may go on, also while nothing comes from the source or the reader
takes nothing."""
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
        self,
        authorise: AuthoriseAccess,
        reads: ReadDataSource,
        changes: Changes,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._authorise = authorise
        self._reads = reads
        self._changes = changes
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
        subjects = access.transfer.pid, access.agreement.id, subject_of(access.grant.source)
        with self._changes.watch(*subjects, concerns=_may_end_reads) as watch:
            while True:
                await watch.wait(_GLANCE_SECONDS)
                await self._authorise.stands(access)
                await self._reads.require_source(access)


def _may_end_reads(notice: Any) -> bool:
    """Return whether an entry of the ledger may be about the end of a read: each read has an entry itself."""
    return not (isinstance(notice, Entry) and notice.kind is EntryKind.ACCESS)
