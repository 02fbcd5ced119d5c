"""Background work that must not end: if it dies, it is started again and the failure is reported.

A loop catches the errors that it can foresee. Other errors end it, and a node without its worker would look healthy
from outside while it sends nothing. Therefore the loop is started again after a pause, and the health check is red
from its death until it has run for a while.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

log = logging.getLogger("hansa.supervision")

FIRST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 60.0
PROVEN: Final = 30.0
"""Seconds after a restart until work counts as healthy: work that dies at once is red nearly all the time."""


class Supervision:
    """Keeps ``work`` running until ``run`` is cancelled or ``stop`` is called.

    ``work`` is called again whenever it raises or returns, or something that it waits for is cancelled. ``failed`` is
    the reason why it ended last, until it has proven itself since.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[], Awaitable[object]],
        *,
        first_pause: float = FIRST_PAUSE,
        proven: float = PROVEN,
    ) -> None:
        self.name = name
        self.failed: str | None = None
        self._work = work
        self._first_pause = first_pause
        self._proven = proven
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Do not start ``work`` again when it ends; this does not end it."""
        self._stopping.set()

    async def run(self) -> None:
        """Run ``work``, again and again. Return once it has ended after ``stop``."""
        pause = self._first_pause
        while not self._stopping.is_set():
            loop = asyncio.get_running_loop()
            well = loop.call_later(self._proven, self._well)
            began = loop.time()
            try:
                await self._work()
                why = "it ended by itself"
            except asyncio.CancelledError:
                if cancelled_from_outside():
                    raise
                why = "it cancelled itself"
                log.exception("%s cancelled itself and is restarted", self.name)
            except Exception as error:
                why = f"{type(error).__name__}: {error}"
                log.exception("%s failed and is restarted", self.name)
            finally:
                well.cancel()
            if self._stopping.is_set():
                return
            self.failed = why
            if loop.time() - began >= self._proven:
                pause = self._first_pause
            log.error("%s has ended (%s); it is restarted in %g seconds", self.name, why, pause)
            await self._rest(pause)
            pause = min(LONGEST_PAUSE, pause * 2)

    def _well(self) -> None:
        if self.failed is not None:
            log.info("%s works again", self.name)
        self.failed = None

    async def _rest(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), timeout=seconds)
        except TimeoutError:
            return


def cancelled_from_outside() -> bool:
    """Return whether someone asked the current task to end. Otherwise a ``CancelledError`` is a stray one: it comes
    from something that the task waited for and that was cancelled by itself."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
