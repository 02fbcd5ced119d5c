"""Start and stop a node, and report its faults."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from node.base.errors import LocalFault
from node.base.threads import threads_of
from node.cage.barriers import PARSED_WITHOUT_LANDLOCK
from node.cage.cage import Cage
from node.worker.loop import Worker
from node.worker.supervision import Supervision
from node.worker.timers import Timer, keep
from node.worker.views import FollowLedger

_log = logging.getLogger(__name__)

Work = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """The resources that a node holds open beside its loops: prepared before the loops begin, closed after they
    end."""

    cage: Cage
    refresh: Callable[[], Awaitable[object]]
    """Refreshes the node's information about itself."""
    release: Sequence[Callable[[], object]]
    """Answer the requests that wait for a change."""
    hang_up: Callable[[], Awaitable[object]]
    """Closes the connections to other nodes."""
    close: Sequence[Callable[[], object]]
    """Close the views and the database, in this order."""


def check_start(condition: Callable[[], object], *, close: Iterable[Callable[[], object]]) -> None:
    """Check whether a node may start. If ``condition`` raises, close the resources in ``close`` and raise its
    error."""
    try:
        condition()
    except BaseException:
        for each in close:
            each()
        raise


class Lifecycle:
    """Runs the loops of a node. ``start`` begins them inside the running event loop, ``stop`` ends them within a
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
        """``background`` returns the work of plug-ins, by name. Without ``with_worker`` another process sends and
        receives for this node. Tasks of the worker have ``grace`` seconds to end."""
        self._surroundings = surroundings
        self._following = following
        self._worker = worker
        self._background = background
        self._timers = timers
        self._with_worker = with_worker
        self._grace = grace
        self._loops: list[Supervision] = []
        self._tasks: list[asyncio.Task[Any]] = []
        self._ending: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start cage, views, worker and timers."""
        threads_of(asyncio.get_running_loop())
        await self._surroundings.cage.start()
        self._tasks.append(asyncio.create_task(self._find_barriers(), name="bars"))
        await self._surroundings.refresh()
        self._keep("views", self._following.run)
        if self._with_worker:
            self._keep("worker", self._worker.run)
            for name, work in self._background():
                self._keep(name, work)
        timers = [timer for timer in self._timers if self._with_worker or timer.each_process]
        self._keep("timers", lambda: keep(timers))

    async def _find_barriers(self) -> None:
        """Log which code runs with less isolation than it should, or cannot run at all."""
        try:
            await asyncio.to_thread(self._surroundings.cage.barriers)
        except LocalFault as fault:
            # A node that is ended right after its start has already closed its cage.
            if self._ending is None:
                _log.warning("%s", fault.detail, extra={"action": "bars-unknown"})
            return
        for name, words in self.limitations().items():
            _log.warning("%s", words, extra={"action": f"limited-{name}"})

    def limitations(self) -> dict[str, str]:
        """Return what this machine prevents the node from doing, or from doing as safely as elsewhere: name →
        description."""
        limits, cage = {}, self._surroundings.cage
        if cage.lacking:
            limits["models"] = f"no model with code runs here: {cage.lacking}"
        if cage.known_barriers is not None and not cage.known_barriers.landlock:
            limits["landlock"] = PARSED_WITHOUT_LANDLOCK
        return limits

    def _keep(self, name: str, work: Work) -> None:
        loop = Supervision(name, work)
        self._loops.append(loop)
        self._tasks.append(asyncio.create_task(loop.run(), name=name))

    def wind_down(self) -> None:
        """Take no new task from now on, and let no request wait for a change. ``stop`` must still be called; tasks go
        on until then."""
        for release in self._surroundings.release:
            release()
        for loop in self._loops:
            loop.stop()
        if self._ending is None:
            self._ending = asyncio.create_task(self._worker.stop(within=self._grace), name="the worker's end")

    async def stop(self) -> None:
        """Finish running tasks, hand back the leases, close everything."""
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
        """Return the current faults, by name; empty if there are none."""
        wrong = {loop.name: f"ended: {loop.failed}" for loop in self._loops if loop.failed}
        if self._worker.failure:
            wrong["outbox"] = self._worker.failure
        if self._following.failure:
            wrong["views"] = self._following.failure
        return wrong
