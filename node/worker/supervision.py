"""Background work that must not end: what dies is begun again, and says so.

A loop catches what it can foresee by itself. What it could not foresee ends it, and a node whose worker has ended
looks well from outside while nothing leaves it any more. So the loop is begun again after a pause, and the health
check is red from its death until it has lived for a while.
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
"""So many seconds after it was begun again, work counts as well: what dies at once is red nearly all the time."""


class Supervised:
    """Keeps ``work`` running until ``run`` is cancelled or ``stop`` was called.

    ``work`` is called again whenever it raised or returned, or something that it waited for was cancelled. ``failed``
    tells why it last ended, as long as it has not proven itself since.
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
        """Do not begin it again when it ends; to end it is its own affair."""
        self._stopping.set()

    async def run(self) -> None:
        """Carry it out, again and again. Returns once it has ended after ``stop``."""
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
    """Whether the task at hand was asked to end. Otherwise a ``CancelledError`` is a stray one: of something
    that the task waited for, and that was cancelled by itself."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
