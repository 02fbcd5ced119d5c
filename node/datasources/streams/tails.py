"""Share one reading of each stream among all who follow it.

A *tail* holds the newest batches of one stream in memory, up to a bound. Each reader knows its own position and takes
what lies after it: a slow reader holds no memory here, and one that falls behind the tail reads from the store by
itself.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from node.base.clock import Clock
from node.base.errors import Gone, HansaError, LocalFault
from node.base.work import Transaction, UnitOfWork
from node.datasources.streams.model import Batch, Stream
from node.datasources.streams.ports import StreamStore
from node.exchange.offloop import off_loop
from node.policy.portion import Portion

_LOOK_SECONDS: Final = 0.25
"""Between two looks at the store: another process may have committed."""
_AT_ONCE: Final = 20
"""Batches of one look."""
_TAIL_BYTES: Final = 4 << 20
"""Bytes of observations that a tail holds."""


class TailEntry:
    """A batch, and what was made of it for readers: the same for all with the same part."""

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        self.size = sum(map(len, batch.lines))
        self.frames: dict[Portion, bytes] = {}


class Tail:
    """The newest batches of one stream. ``last`` is the number up to which it has read, ``floor`` the number above
    which it holds all."""

    def __init__(self, name: str, uow: UnitOfWork, store: StreamStore, clock: Clock) -> None:
        self._name = name
        self._uow = uow
        self._store = store
        self._clock = clock
        self._entries: deque[TailEntry] = deque()
        self._size = 0
        self._failure: HansaError | None = None
        self._news = asyncio.Event()
        self._wake = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self.readers = 0
        self.last = 0
        self.floor = 0
        self.task = asyncio.create_task(self._read_on(), name=f"stream {name}")

    def wake(self) -> None:
        """Look at the store soon. From any thread."""
        self._loop.call_soon_threadsafe(self._wake.set)

    async def wait(self, position: int, seconds: float) -> bool:
        """Wait until there is something after ``position``, at most so long; return whether there is. Raises
        ``Gone`` if the stream is removed."""
        try:
            async with asyncio.timeout(seconds):
                while self.last <= position:
                    self._require_sound()
                    await self._news.wait()
        except TimeoutError:
            return False
        self._require_sound()
        return True

    def after(self, position: int) -> Sequence[TailEntry] | None:
        """Return the batches after ``position``; None if they are no longer here."""
        if position < self.floor:
            return None
        return [entry for entry in self._entries if entry.batch.last > position]

    def _require_sound(self) -> None:
        if self._failure is not None:
            raise self._failure

    async def _read_on(self) -> None:
        try:
            self.last = self.floor = await off_loop(self._last_number)
            # Whoever is behind this number waits for nothing more.
            self._tell()
            while True:
                self._wake.clear()
                batches = await off_loop(self._batches_after, self.last)
                for batch in batches:
                    self._add(TailEntry(batch))
                if batches:
                    self._tell()
                if len(batches) < _AT_ONCE:
                    await self._pause()
        except HansaError as error:
            self._failure = error
            self._tell()
        except Exception as error:
            self._failure = LocalFault("the stream cannot be read")
            self._tell()
            raise error from None

    def _add(self, entry: TailEntry) -> None:
        self._entries.append(entry)
        self._size += entry.size
        self.last = entry.batch.last
        while self._size > _TAIL_BYTES and len(self._entries) > 1:
            first = self._entries.popleft()
            self._size -= first.size
            self.floor = first.batch.last

    def _tell(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(_LOOK_SECONDS):
                await self._wake.wait()
        except TimeoutError:
            return

    def _last_number(self) -> int:
        with self._uow.read() as tx:
            return require_stream(tx, self._store, self._name).last

    def _batches_after(self, position: int) -> Sequence[Batch]:
        with self._uow.read() as tx:
            stream = require_stream(tx, self._store, self._name)
            if stream.last < position:
                # A new one of the same name begins again.
                raise removal()
            since = stream.oldest(self._clock.now())
            return self._store.batches(tx, self._name, after=position, since=since, limit=_AT_ONCE)


class Tails:
    """The tails of the streams that somebody follows."""

    def __init__(self, uow: UnitOfWork, store: StreamStore, clock: Clock) -> None:
        self._uow = uow
        self._store = store
        self._clock = clock
        self._tails: dict[str, Tail] = {}

    def report(self, name: str) -> None:
        """Take note of a change of a stream, from any thread."""
        tail = self._tails.get(name)
        if tail is not None:
            tail.wake()

    @contextmanager
    def follow(self, name: str) -> Iterator[Tail]:
        """Yield the tail of a stream. It is kept as long as somebody follows it."""
        tail = self._tails.get(name)
        if tail is None or tail.task.done():
            tail = self._tails[name] = Tail(name, self._uow, self._store, self._clock)
        tail.readers += 1
        try:
            yield tail
        finally:
            tail.readers -= 1
            if not tail.readers:
                tail.task.cancel()
                if self._tails.get(name) is tail:
                    del self._tails[name]


def require_stream(tx: Transaction, store: StreamStore, name: str) -> Stream:
    """Return the stream ``name``. Raises ``Gone`` if there is none any more."""
    stream = store.get(tx, name)
    if stream is None:
        raise removal()
    return stream


def removal() -> Gone:
    """Return the error about a stream that was removed while it was read."""
    return Gone("the provider has removed this stream", remedy="ask the provider for a new offer")
