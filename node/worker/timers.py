"""Work that runs at regular intervals."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from node.worker.supervision import cancelled_from_outside

log = logging.getLogger("hansa.timers")


@dataclass(frozen=True, slots=True)
class Timer:
    """Runs ``work`` every ``seconds``; a failure is logged, and the next round takes place anyway.

    A timer ``each_process`` serves the process that it runs in, so every process runs it. The others serve the node:
    only the worker's process runs them.
    """

    name: str
    seconds: float
    work: Callable[[], Awaitable[object]]
    each_process: bool = False


async def keep(timers: Sequence[Timer]) -> None:
    """Run all timers until cancelled."""
    async with asyncio.TaskGroup() as group:
        for timer in timers:
            group.create_task(_keep(timer), name=timer.name)


async def _keep(timer: Timer) -> None:
    while True:
        try:
            await timer.work()
        except asyncio.CancelledError:
            if cancelled_from_outside():
                raise
            log.exception("a timer cancelled itself", extra={"timer": timer.name})
        except Exception:
            log.exception("a timer failed", extra={"timer": timer.name})
        await asyncio.sleep(timer.seconds)
