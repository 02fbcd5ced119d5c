"""A node that has been put together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pluggy

from node.base.changes import Changes
from node.base.lazy import Lazy
from node.bootstrap.catalogue import CatalogueServices
from node.bootstrap.datasources import DataSourceParts
from node.bootstrap.foundation import Foundation
from node.bootstrap.operation import Operation
from node.bootstrap.parts import Parts
from node.bootstrap.people import People
from node.bootstrap.protocol import Protocol
from node.bootstrap.questions import QuestionParts
from node.operation.repetitions.usecases import Repetitions
from node.operation.webhooks.usecases import Webhooks
from node.plugins import Host
from node.web.callers import Callers
from node.worker.lifecycle import Lifecycle
from node.worker.loop import Worker

if TYPE_CHECKING:
    from node.bootstrap.models import ModelServices
    from node.bootstrap.scenarios import Scenarios


@dataclass(kw_only=True)
class HansaNode:
    """A node. ``start`` starts it inside the running event loop, ``stop`` ends it within a bounded time."""

    foundation: Foundation
    catalogue: CatalogueServices
    protocol: Protocol
    datasources: DataSourceParts
    running_models: Lazy[ModelServices]
    running_scenarios: Lazy[Scenarios]
    operation: Operation
    callers: Callers
    worker: Worker
    host: Host
    plugins: pluggy.PluginManager
    lifecycle: Lifecycle

    @property
    def parts(self) -> Parts:
        """The technology of the node."""
        return self.foundation.parts

    @property
    def people(self) -> People:
        """All of identity."""
        return self.foundation.people

    @property
    def questions(self) -> QuestionParts:
        """The parts for questions on assets."""
        return self.operation.subscriptions.questions

    @property
    def webhooks(self) -> Webhooks:
        """The webhooks of programs."""
        return self.operation.subscriptions.webhooks.webhooks

    @property
    def repetitions(self) -> Repetitions:
        """The requests that programs may repeat."""
        return self.operation.subscriptions.webhooks.repetitions

    @property
    def changes(self) -> Changes:
        """The news of changes, for pages and terminals that wait for one."""
        return self.foundation.commit_hooks.changes

    @property
    def models(self) -> ModelServices:
        """The parts for running models; made at their first use."""
        return self.running_models.value

    @property
    def scenarios(self) -> Scenarios:
        """The parts for runs of scenarios; made at their first use."""
        return self.running_scenarios.value

    async def start(self) -> None:
        """Start the node: cage, views, worker, timers."""
        await self.lifecycle.start()

    def wind_down(self) -> None:
        """Take no new task from now on. ``stop`` must still be called."""
        self.lifecycle.wind_down()

    async def stop(self) -> None:
        """Finish running work, release the leases, close everything."""
        await self.lifecycle.stop()

    def health(self) -> dict[str, str]:
        """Return the problems by name; empty if all is well."""
        return self.lifecycle.health()
