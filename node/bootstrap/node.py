"""A node that has been put together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pluggy

from node.adapters.peers.requests import RegionRequests
from node.base.changes import Changes
from node.base.lazy import Lazy
from node.bootstrap.catalogue import CatalogueServices
from node.bootstrap.foundation import Foundation
from node.bootstrap.parts import Parts
from node.bootstrap.people import People
from node.bootstrap.protocol import Protocol
from node.evidence.checks import Proofs
from node.identity.rotation import ChangeKeys
from node.ledger.usecases import Prover
from node.plugins import Host
from node.web.callers import Callers
from node.worker.dead_letters import DeadLetters
from node.worker.lifecycle import Lifecycle
from node.worker.loop import Worker
from node.worker.status import NodeStatus

if TYPE_CHECKING:
    from node.bootstrap.models import ModelServices
    from node.bootstrap.scenarios import Scenarios


@dataclass(kw_only=True)
class HansaNode:
    """A node. ``start`` starts it inside the running event loop, ``stop`` ends it within a bounded time."""

    parts: Parts
    people: People
    foundation: Foundation
    catalogue: CatalogueServices
    protocol: Protocol
    running_models: Lazy[ModelServices]
    running_scenarios: Lazy[Scenarios]
    prover: Prover
    keys: ChangeKeys
    callers: Callers
    worker: Worker
    changes: Changes
    host: Host
    plugins: pluggy.PluginManager
    lifecycle: Lifecycle
    letters: DeadLetters
    proofs: Proofs
    status: NodeStatus
    region: RegionRequests

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
