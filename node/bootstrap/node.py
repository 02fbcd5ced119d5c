"""A node that has been put together: how it starts, stops and tells what is wrong."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pluggy

from node.base.changes import Changes
from node.base.errors import LocalFault
from node.bootstrap.models import ModelServices
from node.bootstrap.parts import Parts
from node.bootstrap.people import Ourselves, People, RulebookInForce
from node.bootstrap.protocol import Protocol
from node.bootstrap.scenarios import Scenarios
from node.bootstrap.situations import Situations
from node.cage.bars import PARSED_WITHOUT_LANDLOCK
from node.catalogue.access import Access
from node.catalogue.browse import Browse
from node.catalogue.dsp import DspCatalogue
from node.catalogue.feed.pages import Feed
from node.catalogue.joining import Join
from node.catalogue.model import NodeFacts
from node.catalogue.publish import Publish, Withdraw
from node.catalogue.query import Ask
from node.catalogue.visibility import Visibility
from node.identity.rotation import ChangeKeys
from node.ledger.usecases import Prover
from node.plugins import Host
from node.web.callers import Callers
from node.worker.loop import Worker
from node.worker.supervision import Supervised
from node.worker.timers import Timer, keep
from node.worker.views import FollowLedger

_log = logging.getLogger(__name__)

THREADS = 32


@dataclass(kw_only=True)
class HansaNode:
    """A node. ``start`` brings it up inside the running event loop, ``stop`` ends it within a bounded time."""

    parts: Parts
    people: People
    protocol: Protocol
    models: ModelServices
    scenarios: Scenarios
    node: NodeFacts
    visibility: Visibility
    access: Access
    browse: Browse
    publish: Publish
    withdraw: Withdraw
    ask: Ask
    feed: Feed
    dsp_catalogue: DspCatalogue
    join: Join
    prover: Prover
    keys: ChangeKeys
    callers: Callers
    ourselves: Ourselves
    rulebook: RulebookInForce
    situations: Situations
    worker: Worker
    following: FollowLedger
    changes: Changes
    host: Host
    plugins: pluggy.PluginManager
    timers: list[Timer]
    with_worker: bool = True
    _loops: list[Supervised] = field(default_factory=list)
    _tasks: list[asyncio.Task[Any]] = field(default_factory=list)
    _ending: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Bring it up: cage, views, worker, timers."""
        loop = asyncio.get_running_loop()
        # Handlers wait for the database in threads; the loop's own pool would be six threads on two processors.
        loop.set_default_executor(ThreadPoolExecutor(THREADS, thread_name_prefix="hansa"))
        await self.parts.cage.start()
        self._tasks.append(asyncio.create_task(self._look_at_bars(), name="bars"))
        await self.people.wallet.refresh()
        self._keep("views", self.following.run)
        if self.with_worker:
            self._keep("worker", self.worker.run)
            for found in self.plugins.hook.hansa_tasks(host=self.host):
                for name, work in found:
                    self._keep(name, work)
        timers = [timer for timer in self.timers if self.with_worker or timer.each_process]
        self._keep("timers", lambda: keep(timers))

    async def _look_at_bars(self) -> None:
        """Say in the log what runs with fewer bars than it should, or not at all."""
        try:
            await asyncio.to_thread(self.parts.cage.bars)
        except LocalFault as fault:
            # A node that is ended right after its start has closed its cage.
            if self._ending is None:
                _log.warning("%s", fault.detail, extra={"action": "bars-unknown"})
            return
        for name, words in self.limited().items():
            _log.warning("%s", words, extra={"action": f"limited-{name}"})

    def limited(self) -> dict[str, str]:
        """What this machine keeps the node from doing, or from doing as safely as elsewhere: by name, in words."""
        found, known = {}, self.parts.cage.known
        if self.parts.cage.lacking:
            found["models"] = f"no model with code runs here: {self.parts.cage.lacking}"
        if known is not None and not known.landlock:
            found["landlock"] = PARSED_WITHOUT_LANDLOCK
        return found

    def _keep(self, name: str, work: Callable[[], Awaitable[object]]) -> None:
        loop = Supervised(name, work)
        self._loops.append(loop)
        self._tasks.append(asyncio.create_task(loop.run(), name=name))

    def wind_down(self) -> None:
        """Take no new task from now on. ``stop`` is still to be called; the time until then is not lost."""
        for loop in self._loops:
            loop.stop()
        if self._ending is None:
            grace = self.parts.settings.ending_seconds
            self._ending = asyncio.create_task(self.worker.stop(within=grace), name="the worker's end")

    async def stop(self) -> None:
        """Finish what runs, hand back the leases, close everything."""
        self.wind_down()
        if self._ending is not None:
            await asyncio.wait([self._ending])
        self.following.stop()
        for task in self._tasks:
            if task.get_name() not in ("views", "worker"):
                task.cancel()
        await asyncio.wait(self._tasks, timeout=5)
        for task in self._tasks:
            task.cancel()
        await self.parts.egress.close()
        await self.parts.cage.stop()
        self.parts.graph.close()
        self.parts.index.close()
        self.parts.stores.uow.close()

    def health(self) -> dict[str, str]:
        """What is wrong, by name; empty when all is well."""
        wrong = {}
        for loop in self._loops:
            if loop.failed:
                wrong[loop.name] = f"ended: {loop.failed}"
        if self.worker.failed:
            wrong["outbox"] = self.worker.failed
        if self.following.failed:
            wrong["views"] = self.following.failed
        return wrong
