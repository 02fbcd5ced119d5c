"""Blocking work in threads; a caller waits for its end even when the caller is cancelled.

``asyncio.to_thread`` leaves its thread running when the awaiting task is cancelled: a file could then be
closed during a write. Here a cancelled caller waits until the thread has finished, and only then passes the
cancellation on.
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
"""Seconds between two checks whether a stream's reader has ended, and the number of checks."""


async def once(body: bytes) -> AsyncIterator[bytes]:
    """Return bytes in memory as the stream that an asset store expects."""
    yield body


async def off_loop(work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run ``work`` in a thread; return its result or raise its error."""
    job = asyncio.ensure_future(asyncio.to_thread(work, *args, **kwargs))
    cancellation: asyncio.CancelledError | None = None
    while not job.done():
        try:
            await asyncio.wait([job])
        except asyncio.CancelledError as error:
            cancellation = error
    if cancellation is not None:
        job.exception()  # read, so that the loop does not report it as never retrieved
        raise cancellation
    return job.result()


async def open_off_loop(work: Callable[P, R], release: Callable[[R], object], *args: P.args, **kwargs: P.kwargs) -> R:
    """Like ``off_loop``, for ``work`` that opens something: if the waiter is cancelled meanwhile, ``release`` closes
    it before the cancellation is passed on."""
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
    """One job at a time beside its owner's work; a new job can start when the last one has ended.

    For syncing files: the amount of unsynced data then depends on the speed of the disk, and no request waits for it.
    """

    def __init__(self) -> None:
        self._job: asyncio.Task[None] | None = None

    async def start(self, work: Callable[[], Coroutine[Any, Any, None]]) -> bool:
        """Start ``work`` unless a job is running. Return whether it started. Raises the error of the last job."""
        if self._job is not None and not self._job.done():
            return False
        await self.settle()
        self._job = asyncio.create_task(work())
        return True

    async def settle(self) -> None:
        """Wait for the running job, if there is one. Raises its error."""
        job, self._job = self._job, None
        if job is not None:
            await job


async def close_stream(stream: AsyncIterator[object]) -> None:
    """End an asynchronous generator now, so that its files and connections do not wait for the collector.

    A reader in another task (the sender of a body after its connection failed) is being cancelled; this waits for it
    first.
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
