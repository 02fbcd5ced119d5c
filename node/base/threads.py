"""The threads of a node: many for work in general, and a few for reading, which callers take in turns.

Much of what a thread does holds the interpreter. If each request that reads the catalogue had a thread, 64 callers at
once would fill the pool, and a publication, which needs a thread for each of its steps, would wait behind all of them
at each step. So reading has few threads of its own, and ``reading_for`` says for whom a request reads.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from dataclasses import dataclass, field
from functools import partial
from threading import Lock
from typing import Any, Final, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

from node.base.errors import Overloaded
from node.base.work import UnitOfWork

P = ParamSpec("P")
T = TypeVar("T")

THREADS: Final = 32
"""Handlers wait for the database in threads; the loop's default pool has only six threads on two processors."""
READING: Final = 4
OF_STRANGERS: Final = READING - 1
"""Threads that read for strangers at most: people and members never wait for them."""
OF_ONE: Final = 2
"""Threads that read for one caller at most."""
LONGEST_WAIT: Final = 30.0
"""Seconds that a read waits for a thread."""


@dataclass(frozen=True, slots=True)
class Reader:
    """The caller that a request reads for; a stranger is named by the address."""

    name: str
    is_stranger: bool


_reader: ContextVar[Reader | None] = ContextVar("hansa_reader", default=None)


@contextmanager
def reading_for(reader: Reader) -> Iterator[None]:
    """Let what this task gives to ``NodeThreads`` run in the threads for reading."""
    token = _reader.set(reader)
    try:
        yield
    finally:
        _reader.reset(token)


@dataclass(frozen=True, slots=True)
class _Job:
    reader: Reader
    work: Callable[[], Any]
    latest: float
    future: Future[Any] = field(default_factory=Future)

    def run(self, now: float) -> None:
        """Run the work unless nobody waits for it any more, or it has waited too long."""
        if not self.future.set_running_or_notify_cancel():
            return
        try:
            if now > self.latest:
                raise Overloaded("too many requests read at once", remedy="try again in a moment")
            answer = self.work()
        except BaseException as error:  # noqa: BLE001 - it is raised where the answer is awaited
            self.future.set_exception(error)
        else:
            self.future.set_result(answer)


async def in_thread(work: Callable[[], T]) -> T:
    """Return the result of ``work``, done in a thread of the event loop's ``NodeThreads``.

    A caller that is cancelled meanwhile waits for its end, as with ``anyio.to_thread.run_sync``. That and the loop's
    own ``run_in_executor`` take several times the processor time, as much as a transaction of one statement.
    """
    loop = asyncio.get_running_loop()
    future = threads_of(loop).submit(copy_context().run, work)
    try:
        await _end_of(future, loop)
    except asyncio.CancelledError:
        await _end_of(future, loop)
        raise
    return future.result()


def _end_of(future: Future[Any], loop: asyncio.AbstractEventLoop) -> asyncio.Future[None]:
    """Return what is done in ``loop`` at the end of ``future``, however that ends."""
    signal = loop.create_future()

    def note() -> None:
        if not signal.done():  # It is cancelled together with the task that waits for it.
            signal.set_result(None)

    def tell(_: Future[Any]) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(note)

    future.add_done_callback(tell)
    return signal


async def read_briefly(uow: UnitOfWork, read: Callable[[], T]) -> T:
    """Return the result of ``read``, a transaction of ``uow`` that reads a few rows by their keys.

    In a file of this node that takes a tenth of a millisecond, less than the way into a thread and back.
    """
    return read() if uow.reads_at_once else await in_thread(read)


class NodeThreads(ThreadPoolExecutor):
    """The default executor of a node's event loop.

    Reads have ``READING`` threads, which go to the callers in turns; a read that has waited ``LONGEST_WAIT`` fails
    with ``Overloaded``.
    """

    def __init__(self, threads: int = THREADS, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        super().__init__(threads, thread_name_prefix="hansa")
        self._reading = ThreadPoolExecutor(READING, thread_name_prefix="hansa-reading")
        self._monotonic = monotonic
        self._lock = Lock()
        self._waiting: OrderedDict[Reader, deque[_Job]] = OrderedDict()
        """Readers with waiting work, the next one first."""
        self._busy: Counter[Reader] = Counter()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run ``fn``: in turn with that of other readers if the present task reads for somebody."""
        reader = _reader.get()
        if reader is None:
            return super().submit(fn, *args, **kwargs)
        job = _Job(reader, partial(fn, *args, **kwargs), self._monotonic() + LONGEST_WAIT)
        with self._lock:
            self._waiting.setdefault(reader, deque()).append(job)
        self._reading.submit(self._work)
        return job.future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the threads. Reads that wait are done first, or cancelled."""
        if cancel_futures:
            with self._lock:
                for job in (job for jobs in self._waiting.values() for job in jobs):
                    job.future.cancel()
        self._reading.shutdown(wait, cancel_futures=cancel_futures)
        super().shutdown(wait, cancel_futures=cancel_futures)

    def _work(self) -> None:
        """Do what waits and may be done now. Whoever ends a job looks for more, so what must wait is not lost."""
        while (job := self._next()) is not None:
            try:
                job.run(self._monotonic())
            finally:
                with self._lock:
                    self._busy[job.reader] -= 1
                    self._busy = +self._busy

    def _next(self) -> _Job | None:
        with self._lock:
            strangers = sum(count for reader, count in self._busy.items() if reader.is_stranger)
            for reader, jobs in self._waiting.items():
                if self._busy[reader] < OF_ONE and not (reader.is_stranger and strangers >= OF_STRANGERS):
                    self._busy[reader] += 1
                    job = jobs.popleft()
                    del self._waiting[reader]
                    if jobs:
                        self._waiting[reader] = jobs
                    return job
        return None


_threads: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, NodeThreads]] = WeakKeyDictionary()


def threads_of(loop: asyncio.AbstractEventLoop) -> NodeThreads:
    """Return the threads of ``loop``, made at the first call; they become its default executor."""
    threads = _threads.get(loop)
    if threads is None:
        threads = _threads[loop] = NodeThreads()
        loop.set_default_executor(threads)
    return threads
