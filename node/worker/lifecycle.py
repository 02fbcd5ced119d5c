"""Start and stop of a node, and the faults that it reports."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from node.base.errors import LocalFault
from node.cage.bars import PARSED_WITHOUT_LANDLOCK
from node.cage.cage import Cage
from node.worker.loop import Worker
from node.worker.supervision import Supervised
from node.worker.timers import Timer, keep
from node.worker.views import FollowLedger

_log = logging.getLogger(__name__)

THREADS = 32

Work = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a node holds open beside its loops: made ready before they begin, closed after they have ended."""

    cage: Cage
    refresh: Callable[[], Awaitable[object]]
    """Reads anew what this node knows of itself."""
    hang_up: Callable[[], Awaitable[object]]
    """Closes the connections to other nodes."""
    close: Sequence[Callable[[], object]]
    """Close the views and the database, in this order."""


def check_start(condition: Callable[[], object], *, close: Iterable[Callable[[], object]]) -> None:
    """Look whether a node may start; where ``condition`` raises, close what was opened, and raise what it raised."""
    try:
        condition()
    except BaseException:
        for each in close:
            each()
        raise


class Lifecycle:
    """Runs the loops of a node. ``start`` brings them up inside the running event loop, ``stop`` ends them within a
    bounded time."""

    def __init__(
        self,
        surroundings: Surroundings,
        *,
        following: FollowLedger,
        worker: Worker,
        background: Callable[[], Iterable[tuple[str, Work]]],
        timers: Sequence[Timer],
        with_worker: bool,
        grace: float,
    ) -> None:
        """``background`` gives the work of plug-ins, by name. Without ``with_worker`` another process sends and
        receives for this node. What the worker is at has ``grace`` seconds to end."""
        self._surroundings = surroundings
        self._following = following
        self._worker = worker
        self._background = background
        self._timers = timers
        self._with_worker = with_worker
        self._grace = grace
        self._loops: list[Supervised] = []
        self._tasks: list[asyncio.Task[Any]] = []
        self._ending: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Bring it up: cage, views, worker, timers."""
        loop = asyncio.get_running_loop()
        # Handlers wait for the database in threads; the loop's own pool would be six threads on two processors.
        loop.set_default_executor(ThreadPoolExecutor(THREADS, thread_name_prefix="hansa"))
        await self._surroundings.cage.start()
        self._tasks.append(asyncio.create_task(self._look_at_bars(), name="bars"))
        await self._surroundings.refresh()
        self._keep("views", self._following.run)
        if self._with_worker:
            self._keep("worker", self._worker.run)
            for name, work in self._background():
                self._keep(name, work)
        timers = [timer for timer in self._timers if self._with_worker or timer.each_process]
        self._keep("timers", lambda: keep(timers))

    async def _look_at_bars(self) -> None:
        """Say in the log what runs with fewer bars than it should, or not at all."""
        try:
            await asyncio.to_thread(self._surroundings.cage.bars)
        except LocalFault as fault:
            # A node that is ended right after its start has closed its cage.
            if self._ending is None:
                _log.warning("%s", fault.detail, extra={"action": "bars-unknown"})
            return
        for name, words in self.limited().items():
            _log.warning("%s", words, extra={"action": f"limited-{name}"})

    def limited(self) -> dict[str, str]:
        """What this machine keeps the node from doing, or from doing as safely as elsewhere: by name, in words."""
        limits, cage = {}, self._surroundings.cage
        if cage.lacking:
            limits["models"] = f"no model with code runs here: {cage.lacking}"
        if cage.known is not None and not cage.known.landlock:
            limits["landlock"] = PARSED_WITHOUT_LANDLOCK
        return limits

    def _keep(self, name: str, work: Work) -> None:
        loop = Supervised(name, work)
        self._loops.append(loop)
        self._tasks.append(asyncio.create_task(loop.run(), name=name))

    def wind_down(self) -> None:
        """Take no new task from now on. ``stop`` is still to be called; the time until then is not lost."""
        for loop in self._loops:
            loop.stop()
        if self._ending is None:
            self._ending = asyncio.create_task(self._worker.stop(within=self._grace), name="the worker's end")

    async def stop(self) -> None:
        """Finish what runs, hand back the leases, close everything."""
        self.wind_down()
        if self._ending is not None:
            await asyncio.wait([self._ending])
        self._following.stop()
        for task in self._tasks:
            if task.get_name() not in ("views", "worker"):
                task.cancel()
        await asyncio.wait(self._tasks, timeout=5)
        for task in self._tasks:
            task.cancel()
        await self._surroundings.hang_up()
        await self._surroundings.cage.stop()
        for close in self._surroundings.close:
            close()

    def health(self) -> dict[str, str]:
        """What is wrong, by name; empty when all is well."""
        wrong = {loop.name: f"ended: {loop.failed}" for loop in self._loops if loop.failed}
        if self._worker.failed:
            wrong["outbox"] = self._worker.failed
        if self._following.failed:
            wrong["views"] = self._following.failed
        return wrong
