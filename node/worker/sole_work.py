"""Work of a node that one of its processes does at a time, such as visits to the hosts of others.

The process that does it notes that it does, for a while, and puts off the end of that while it works. The others
leave the work alone. If it is killed, another one goes on when that time is over.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from anyio.to_thread import run_sync

from node.base.clock import Clock
from node.base.errors import HansaError
from node.base.work import Transaction, UnitOfWork

log = logging.getLogger("hansa.timers")

OWN_FOR: Final = timedelta(seconds=60)
"""For so long a process keeps the work after its last sign."""
_RENEWAL: Final = OWN_FOR.total_seconds() / 4


class Marks(Protocol):
    """Values of the node under keys."""

    def get(self, tx: Transaction, key: str) -> str | None: ...

    def replace(self, tx: Transaction, key: str, before: str | None, value: str) -> bool:
        """Set the value if it is ``before`` (None: if there is none); return whether it was."""
        ...


class SoleWork:
    """Does ``work`` unless another process of the node does it. A process that did it keeps it."""

    def __init__(
        self,
        name: str,
        work: Callable[[], Coroutine[Any, Any, object]],
        *,
        uow: UnitOfWork,
        marks: Marks,
        clock: Clock,
        owner: str,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """``owner`` is a name that no other process has. The clocks of processes differ by less than ``OWN_FOR``."""
        self._key = f"sole work: {name}"
        self._work = work
        self._uow = uow
        self._marks = marks
        self._clock = clock
        self._owner = owner
        self._pause = pause

    async def __call__(self) -> None:
        """Do the work once, if this process may. Ends it when another process has taken it over."""
        if not await run_sync(self._claim):
            return
        work = asyncio.create_task(self._work())
        renewal = asyncio.create_task(self._renew(work))
        try:
            await asyncio.wait([work])
        finally:
            renewal.cancel()
            work.cancel()
            await asyncio.gather(renewal, work, return_exceptions=True)
        if not work.cancelled():
            work.result()

    async def _renew(self, work: asyncio.Task[object]) -> None:
        while True:
            await self._pause(_RENEWAL)
            try:
                if not await run_sync(self._claim):
                    log.warning("%s: another process of this node has taken it over", self._key)
                    work.cancel()
                    return
            except HansaError as error:
                log.warning("%s cannot be renewed: %s", self._key, error.detail)

    def _claim(self) -> bool:
        now = self._clock.now()
        with self._uow.begin() as tx:
            before = self._marks.get(tx, self._key)
            owner, _, until = (before or "").partition(" ")
            if before is not None and owner != self._owner and now < datetime.fromisoformat(until):
                return False
            return self._marks.replace(tx, self._key, before, f"{self._owner} {(now + OWN_FOR).isoformat()}")
