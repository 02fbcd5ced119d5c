"""Receptions that follow orders: a file that has arrived and was verified is queued for the data sources."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from node.base.work import Transaction
from node.transfer.model import Reception
from node.transfer.ports import ReceptionStore
from node.transfer.shipments.queue import ShipmentQueue


class OrderedReceptions:
    """A ``ReceptionStore`` that queues what orders ask for, in the transaction in which a reception is done."""

    def __init__(
        self, receptions: ReceptionStore, queue: ShipmentQueue, further: Callable[[Transaction, Reception], None]
    ) -> None:
        """``further`` queues what else has to be done with a reception that is done."""
        self._receptions = receptions
        self._queue = queue
        self._further = further

    def put(self, tx: Transaction, reception: Reception) -> None:
        before = self._receptions.get(tx, reception.transfer) if reception.state == "done" else None
        self._receptions.put(tx, reception)
        if reception.state == "done" and (before is None or before.state != "done"):
            self._queue.note_arrival(tx, reception)
            self._queue.queue_ordered(tx, reception)
            self._further(tx, reception)

    def get(self, tx: Transaction, transfer: str) -> Reception | None:
        return self._receptions.get(tx, transfer)

    def under(self, tx: Transaction, agreement: str) -> Sequence[Reception]:
        return self._receptions.under(tx, agreement)

    def newest(self, tx: Transaction, limit: int, *, offset: int = 0) -> Sequence[Reception]:
        return self._receptions.newest(tx, limit, offset=offset)

    def unfinished_receptions(self, tx: Transaction) -> Sequence[Reception]:
        return self._receptions.unfinished_receptions(tx)
