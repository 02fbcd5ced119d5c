"""Tasks that send received files to data sources."""

from __future__ import annotations

from collections.abc import Callable

from node.base.clock import Clock
from node.base.delivery import wait_of
from node.base.errors import LocalFault, PeerUnreachable
from node.base.work import Task
from node.datasources.sinks import WAIT
from node.transfer.shipments.dispatch import SendShipment
from node.worker.outcomes import Again, Done, Outcome


class ShipmentHandler:
    """``node.worker.loop.Handler``: sends the shipment that a task names. The shipment records how it ended, so no
    task becomes a dead letter. ``is_exhausted`` returns whether so many attempts are enough."""

    def __init__(self, send: SendShipment, clock: Clock, *, is_exhausted: Callable[[int], bool]) -> None:
        self._send = send
        self._clock = clock
        self._is_exhausted = is_exhausted

    async def __call__(self, task: Task) -> Outcome:
        try:
            await self._send(task.subject, is_last=self._is_exhausted(task.attempts + 1))
        except (PeerUnreachable, LocalFault) as error:
            wait = wait_of(error.facts.get(WAIT), self._clock.now())
            return Again(error.detail, lane_down=isinstance(error, PeerUnreachable), at_least=wait)
        return Done()
