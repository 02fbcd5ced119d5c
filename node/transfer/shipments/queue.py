"""Put shipments into the queue: what a person asks for, and what orders ask for when a file has arrived."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from node.base.clock import Clock
from node.base.delivery import OutboxWriter
from node.base.errors import InvalidInput
from node.base.work import Transaction
from node.dialogue.process import Role
from node.exchange.manifest import read_kept
from node.exchange.names import safe_name
from node.ledger.model import EntryKind
from node.ledger.ports import Append
from node.negotiation.model import Agreement
from node.negotiation.ports import AgreementStore
from node.transfer.model import Reception
from node.transfer.ports import TransferStore
from node.transfer.shipments.model import (
    TOPIC,
    Shipment,
    ShipmentOrder,
    ShipmentState,
    ShipmentStore,
    fill,
    identify,
)


class ShipmentQueue:
    """Queues shipments. All methods are part of the caller's transaction."""

    def __init__(
        self,
        store: ShipmentStore,
        *,
        transfers: TransferStore,
        agreements: AgreementStore,
        outbox_writer: OutboxWriter,
        append: Append,
        clock: Clock,
    ) -> None:
        self._store = store
        self._transfers = transfers
        self._agreements = agreements
        self._outbox_writer = outbox_writer
        self._append = append
        self._clock = clock

    def note_arrival(self, tx: Transaction, reception: Reception) -> None:
        """Enter into the ledger that data have arrived, in the transaction that ends a reception."""
        transfer = self._transfers.get(tx, reception.transfer)
        if transfer is None or transfer.role is not Role.CONSUMER:
            return
        body: dict[str, Any] = {
            "event": "data-received",
            "transfer": transfer.pid,
            "asset": transfer.dataset,
            "sha256": reception.sha256,
            "size": reception.received,
            "verified": is_verified(reception),
        }
        self._append(tx, EntryKind.AGREEMENT, transfer.agreement, "node", body)

    def queue_ordered(self, tx: Transaction, reception: Reception) -> None:
        """Queue what orders ask for, in the transaction that ends a reception. What cannot be sent fails in words."""
        transfer = self._transfers.get(tx, reception.transfer)
        if transfer is None or transfer.role is not Role.CONSUMER:
            return
        orders = self._store.orders(tx, transfer.agreement)
        agreement = self._agreements.get(tx, transfer.agreement) if orders else None
        if agreement is None:
            return
        for order in orders:
            if is_verified(reception):
                try:
                    self.add(tx, reception, agreement, order.source, order.pattern, order.by)
                except InvalidInput as error:
                    self._refuse(tx, reception, agreement, order, error.detail)
            else:
                self._refuse(tx, reception, agreement, order, "nobody signed what this file has to be")

    def add(
        self, tx: Transaction, reception: Reception, agreement: Agreement, source: str, pattern: str, by: str
    ) -> Shipment:
        """Queue a file for a data source. The same content for the same place is the same shipment. Raises
        ``InvalidInput`` if the place cannot be one."""
        manifest = read_kept(str(reception.manifest))
        path = fill(pattern, name=safe_name(reception.name), version=manifest.version)
        shipment_id = identify(agreement.id, source, path, manifest.sha256)
        earlier = self._store.get(tx, shipment_id, lock=True)
        if earlier is not None and (earlier.is_under_way or earlier.state is ShipmentState.SENT):
            return earlier
        now = self._clock.now()
        shipment = Shipment(
            id=shipment_id,
            transfer=reception.transfer,
            agreement=agreement.id,
            dataset=agreement.dataset,
            source=source,
            path=path,
            sha256=manifest.sha256,
            size=manifest.size,
            state=ShipmentState.QUEUED,
            by=by,
            at=earlier.at if earlier is not None else now,
            changed=now,
            address=earlier.address if earlier is not None else "",
            progress=earlier.progress if earlier is not None else {},
            version=manifest.version,
        )
        return self.begin(tx, shipment, by)

    def begin(self, tx: Transaction, shipment: Shipment, by: str) -> Shipment:
        """Queue a shipment. What is noted of an upload that may be unfinished at the data source stays."""
        entry = replace(
            shipment,
            state=ShipmentState.QUEUED,
            reason="",
            remedy="",
            attempts=0,
            changed=self._clock.now(),
        )
        self._store.put(tx, entry)
        self.note(tx, entry, by, "shipment-queued")
        self._outbox_writer.deliver(
            tx,
            topic=TOPIC,
            lane=f"sink {entry.source}",
            subject=entry.id,
            body=b"",
            due=self._clock.now(),
            headers={"message": f"shipment to {entry.source}"},
        )
        return entry

    def _refuse(
        self, tx: Transaction, reception: Reception, agreement: Agreement, order: ShipmentOrder, reason: str
    ) -> None:
        now = self._clock.now()
        name = safe_name(reception.name)
        shipment = Shipment(
            id=identify(agreement.id, order.source, order.pattern, reception.transfer),
            transfer=reception.transfer,
            agreement=agreement.id,
            dataset=agreement.dataset,
            source=order.source,
            path=order.pattern.replace("{name}", name),
            sha256="",
            size=reception.received,
            state=ShipmentState.FAILED,
            reason=reason,
            remedy="download the file and look at it first",
            by=order.by,
            at=now,
            changed=now,
        )
        self._store.put(tx, shipment)
        self.note(tx, shipment, order.by, "shipment-failed", reason=reason)

    def note(self, tx: Transaction, shipment: Shipment, by: str, event: str, **facts: str) -> None:
        """Enter into the ledger what happened to a shipment."""
        body = {"event": event, "source": shipment.source, "place": shipment.path, "sha256": shipment.sha256}
        self._append(tx, EntryKind.AGREEMENT, shipment.agreement, by, {**body, **facts})


def is_verified(reception: Reception) -> bool:
    """Return whether a file was compared with a manifest that its provider signed."""
    return bool((reception.facts or {}).get("verified")) and reception.manifest is not None
