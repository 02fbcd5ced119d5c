"""Tasks that send received files to data sources."""

from __future__ import annotations

from collections.abc import Callable

from node.base.errors import LocalFault, PeerUnreachable
from node.base.work import Task
from node.transfer.shipments.dispatch import SendShipment
from node.worker.outcomes import Again, Done, Outcome


class ShipmentHandler:
    """``node.worker.loop.Handler``: sends the shipment that a task names. The shipment records how it ended, so no
    task becomes a dead letter. ``is_exhausted`` returns whether so many attempts are enough."""

    def __init__(self, send: SendShipment, *, is_exhausted: Callable[[int], bool]) -> None:
        self._send = send
        self._is_exhausted = is_exhausted

    async def __call__(self, task: Task) -> Outcome:
        try:
            await self._send(task.subject, is_last=self._is_exhausted(task.attempts + 1))
        except (PeerUnreachable, LocalFault) as error:
            return Again(error.detail, lane_down=isinstance(error, PeerUnreachable))
        return Done()
