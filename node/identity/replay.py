"""Accept every token only once (DCP 1.0 §4.3.3 step 8): used token ids are stored in SQL, across restarts.

With a synchronous commit for each request, the disk would limit the node. So tokens that arrive during a commit
share the next one: one transaction stores all waiting ids. No token is accepted before its id is committed.

The effect of a message is committed later than the id of its token, so the id is on the disk at the latest with that
effect (``node.base.work.UnitOfWork.begin``). A power cut can therefore not keep the effect of a message and lose the
id of its token. If an id was lost, its token had no effect or was only used to read. The holder may then use the
token again until it expires, and reads only what a new token would give access to.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from node.base.clock import Clock
from node.base.errors import Overloaded
from node.base.work import UnitOfWork
from node.identity.ports import IdentityStore

_BATCH: Final = 256
_FORGET_EVERY: Final = timedelta(minutes=10)


@dataclass(slots=True)
class _Use:
    issuer: str
    jti: str
    expires: datetime
    answer: asyncio.Future[bool] = field(repr=False)


class ReplayGuard:
    """Remembers (issuer, jti) until the token has expired, with ``margin`` for clocks that differ."""

    def __init__(
        self,
        uow: UnitOfWork,
        store: IdentityStore,
        clock: Clock,
        *,
        margin: timedelta = timedelta(seconds=60),
        limit: int = 4096,
    ) -> None:
        self._uow = uow
        self._store = store
        self._clock = clock
        self._margin = margin
        self._limit = limit
        self._waiting: list[_Use] = []
        self._writer: asyncio.Task[None] | None = None
        self._forgotten: datetime | None = None
        # A thread of its own: handlers in the shared pool of threads may be waiting for this work, and must not keep
        # it from running.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="hansa-tokens")

    async def use(self, issuer: str, jti: str, expires: datetime) -> bool:
        """Return True the first time, False after that; the answer comes only after the id is committed.

        Raises ``Overloaded`` if more tokens wait than the node can store in time.
        """
        if len(self._waiting) >= self._limit:
            raise Overloaded("too many tokens arrive at once", remedy="try again in a moment")
        use = _Use(issuer, jti, expires + self._margin, asyncio.get_running_loop().create_future())
        self._waiting.append(use)
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write())
        return await use.answer

    async def _write(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            batch, self._waiting = self._waiting[:_BATCH], self._waiting[_BATCH:]
            try:
                answers = await loop.run_in_executor(self._thread, self._store_batch, batch)
            except asyncio.CancelledError:
                for use in batch + self._waiting:
                    use.answer.cancel()
                self._waiting = []
                raise
            except Exception as error:  # noqa: BLE001 - whatever storage raised belongs to those who wait
                for use in batch:
                    if not use.answer.done():
                        use.answer.set_exception(error)
                continue
            for use, fresh in zip(batch, answers, strict=True):
                if not use.answer.done():
                    use.answer.set_result(fresh)

    def _store_batch(self, batch: list[_Use]) -> list[bool]:
        now = self._clock.now()
        with self._uow.begin(synced=False) as tx:
            if self._forgotten is None or now - self._forgotten > _FORGET_EVERY:
                self._store.forget_jtis(tx, now)
                self._forgotten = now
            return [self._store.use_jti(tx, use.issuer, use.jti, use.expires) for use in batch]


class UsedTokens:
    """The ids of tokens that were used, which are forgotten once the tokens have expired."""

    def __init__(self, uow: UnitOfWork, store: IdentityStore, clock: Clock) -> None:
        self._uow = uow
        self._store = store
        self._clock = clock

    def forget(self) -> int:
        """Forget the ids of expired tokens; how many they were. Expired API tokens and sessions go too."""
        with self._uow.begin() as tx:
            self._store.forget_tokens(tx, self._clock.now())
            return self._store.forget_jtis(tx, self._clock.now())
