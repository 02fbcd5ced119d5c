"""Blocking work beside the event loop, which is waited for even when the waiter is cancelled.

``asyncio.to_thread`` leaves its thread running when the awaiting task is cancelled: a file could then be
closed under the hands of a write. Here a cancelled caller waits until the thread has finished, and only then
passes the cancellation on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from types import AsyncGeneratorType
from typing import Any, Final, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

log = logging.getLogger("hansa.exchange")

_LOOKS: Final = 500
_PAUSE: Final = 0.01
"""Seconds between two looks whether a stream's reader has come to its end, and how many."""


async def once(body: bytes) -> AsyncIterator[bytes]:
    """Return bytes in memory as the stream that an asset store expects."""
    yield body


async def off_loop(work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run ``work`` in a thread and return what it returns, or raise what it raises."""
    job = asyncio.ensure_future(asyncio.to_thread(work, *args, **kwargs))
    cancelled: asyncio.CancelledError | None = None
    while not job.done():
        try:
            await asyncio.wait([job])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        job.exception()  # looked at, so that the loop does not report it as lost
        raise cancelled
    return job.result()


async def opened(work: Callable[P, R], release: Callable[[R], object], *args: P.args, **kwargs: P.kwargs) -> R:
    """As ``off_loop``, for ``work`` that opens something: where the waiter is cancelled meanwhile, ``release``
    closes what was opened before the cancellation is passed on."""
    got: list[R] = []

    def open_it() -> None:
        got.append(work(*args, **kwargs))

    try:
        await off_loop(open_it)
    except asyncio.CancelledError:
        for chunk in got:
            await off_loop(release, chunk)
        raise
    return got[0]


class Beside:
    """One job at a time that runs beside its owner's work, begun as often as the last one has ended.

    For syncing files: how much lies unsynced then follows from how fast the disk is, and no request waits for it.
    """

    def __init__(self) -> None:
        self._job: asyncio.Task[None] | None = None

    async def start(self, work: Callable[[], Coroutine[Any, Any, None]]) -> bool:
        """Start ``work`` unless a job is running, and return whether it started. Raises what the last job raised."""
        if self._job is not None and not self._job.done():
            return False
        await self.settle()
        self._job = asyncio.create_task(work())
        return True

    async def settle(self) -> None:
        """Wait for the running job, if there is one. Raises what it raised."""
        job, self._job = self._job, None
        if job is not None:
            await job


async def close_stream(stream: AsyncIterator[object]) -> None:
    """End an asynchronous generator now, so that its files and connections do not wait for the collector.

    Whoever reads from it in another task (the sender of a body, whose connection has just failed) is being cancelled,
    and is let come to that first.
    """
    if not isinstance(stream, AsyncGeneratorType):
        return
    for _ in range(_LOOKS):
        try:
            await stream.aclose()
        except RuntimeError:
            if not stream.ag_running:
                raise
            await asyncio.sleep(_PAUSE)
        else:
            return
    log.warning("the stream is still being read; it ends when its reader ends")
