"""Received files that a node in memory has sent to data sources, in every state that a page shows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from node.datasources.model import DataSource
from node.transfer.shipments.model import Shipment, ShipmentOrder, ShipmentState
from node.transfer.shipments.queue import ShipmentQueue
from node.transfer.shipments.usecases import Shipments
from tests.fakes.clock import FixedClock
from tests.fakes.portal.receipts import DONE
from tests.fakes.stores.negotiation import MemoryAgreementStore
from tests.fakes.stores.shipments import MemoryShipmentStore
from tests.fakes.stores.transfer import MemoryReceptionStore, MemoryTransferStore
from tests.fakes.stores.work import MemoryUnitOfWork

AGREEMENT: Final = "https://plzen.example/agreements/7"
REASONS: Final = {
    ShipmentState.QUEUED: ("the data source does not answer in time", "this node tries again"),
    ShipmentState.FAILED: ("there is something else at in/receptors.csv already", "choose another place"),
    ShipmentState.REMOVED: ("deleted by this node", ""),
}


class _Sinks:
    def __init__(self, now: datetime) -> None:
        self._now = now

    def sinks(self) -> Sequence[DataSource]:
        return [
            DataSource(name=name, kind=kind, address="", by="els", at=self._now)
            for name, kind in (("city-files", "folder"), ("open-bucket", "s3"))
        ]


def shipments(now: datetime, text: str = "") -> Shipments:
    """The shipments, one in each state, and an order; ``text`` goes to where texts of others stand."""
    uow, store = MemoryUnitOfWork(), MemoryShipmentStore()

    def nothing(*_: Any, **__: Any) -> Any:
        return None

    outbox_writer: Any = type("NoOutbox", (), {"deliver": nothing})()
    transfers, agreements = MemoryTransferStore(), MemoryAgreementStore()
    clock = FixedClock(now)
    with uow.begin() as tx:
        for number, state in enumerate(ShipmentState):
            reason, remedy = REASONS.get(state, ("", ""))
            store.put(
                tx,
                Shipment(
                    id=f"{number:024x}",
                    transfer=DONE,
                    agreement=AGREEMENT,
                    dataset="http://127.0.0.1:8102/datasets/receptors",
                    source="city-files",
                    path=text or f"in/{number}/receptors.csv",
                    sha256="a" * 64,
                    size=48_000_000,
                    state=state,
                    reason=text or reason,
                    remedy=text or remedy,
                    by=text or "els",
                    at=now - timedelta(minutes=number),
                    changed=now,
                    address="/srv/open" if state is ShipmentState.SENT else "",
                ),
            )
        order = ShipmentOrder(
            id="f" * 24, agreement=AGREEMENT, source="open-bucket", pattern=text or "in/{name}", by="els", at=now
        )
        store.put_order(tx, order)
    queue = ShipmentQueue(
        store, transfers=transfers, agreements=agreements, outbox_writer=outbox_writer, append=nothing, clock=clock
    )
    return Shipments(
        uow=uow,
        store=store,
        transfers=transfers,
        receptions=MemoryReceptionStore(),
        agreements=agreements,
        sinks=_Sinks(now),
        queue=queue,
        append=nothing,
        clock=clock,
        folder=Path("/nowhere"),
    )
