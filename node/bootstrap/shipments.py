"""Puts shipments together: the way of received files to data sources of this city."""

from __future__ import annotations

from dataclasses import dataclass

from node.bootstrap.foundation import Foundation
from node.bootstrap.transfer import TransferParts, shipment_queue
from node.datasources.register import DataSources
from node.transfer.shipments.dispatch import SendShipment
from node.transfer.shipments.removal import DeleteEverywhere
from node.transfer.shipments.usecases import Shipments


@dataclass(frozen=True, slots=True, kw_only=True)
class ShipmentParts:
    """Shipments for people, what carries them out, and the deletion of copies."""

    shipments: Shipments
    send: SendShipment
    delete: DeleteEverywhere


def shipment_parts(base: Foundation, transfer: TransferParts, sources: DataSources) -> ShipmentParts:
    """Put shipments together."""
    parts, stores = base.parts, base.parts.stores
    store, agreements, inbox = stores.transfer.shipments, stores.negotiation.agreements, parts.places.inbox
    return ShipmentParts(
        shipments=Shipments(
            uow=stores.uow,
            store=store,
            transfers=stores.transfer.transfers,
            receptions=stores.transfer.receptions,
            agreements=agreements,
            sinks=sources,
            queue=shipment_queue(base),
            append=base.append,
            clock=parts.clock,
            folder=inbox,
        ),
        send=SendShipment(
            stores.uow,
            store,
            receptions=stores.transfer.receptions,
            agreements=agreements,
            sinks=sources,
            append=base.append,
            clock=parts.clock,
            folder=inbox,
        ),
        delete=DeleteEverywhere(
            stores.uow,
            store,
            sinks=sources,
            confirm=transfer.deletions.confirm,
            append=base.append,
            clock=parts.clock,
        ),
    )
