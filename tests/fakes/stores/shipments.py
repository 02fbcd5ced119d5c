"""Shipments in memory (``node.transfer.shipments.model.ShipmentStore``)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from node.base.work import Transaction
from node.transfer.shipments.model import Shipment, ShipmentOrder
from tests.fakes.stores.work import memory

_SHIPMENTS, _ORDERS = "shipments", "shipment_orders"


class MemoryShipmentStore:
    """Shipments and orders by id."""

    def put(self, tx: Transaction, shipment: Shipment) -> None:
        memory(tx).put(_SHIPMENTS, shipment.id, shipment)

    def get(self, tx: Transaction, shipment_id: str, *, lock: bool = False) -> Shipment | None:
        return memory(tx).rows(_SHIPMENTS).get(shipment_id)

    def newest(self, tx: Transaction, limit: int, *, offset: int = 0) -> Sequence[Shipment]:
        return self._select(tx, lambda shipment: True)[offset : offset + limit]

    def of_transfer(self, tx: Transaction, transfer: str) -> Sequence[Shipment]:
        return self._select(tx, lambda shipment: shipment.transfer == transfer)

    def under(self, tx: Transaction, agreement: str, *, lock: bool = False) -> Sequence[Shipment]:
        return self._select(tx, lambda shipment: shipment.agreement == agreement)

    def at_place(self, tx: Transaction, source: str, path: str, *, lock: bool = False) -> Sequence[Shipment]:
        return self._select(tx, lambda shipment: (shipment.source, shipment.path) == (source, path))

    def put_order(self, tx: Transaction, order: ShipmentOrder) -> None:
        memory(tx).put(_ORDERS, order.id, order)

    def orders(self, tx: Transaction, agreement: str | None = None) -> Sequence[ShipmentOrder]:
        orders = sorted(memory(tx).rows(_ORDERS).values(), key=lambda order: order.id)
        orders.sort(key=lambda order: order.at, reverse=True)
        return [order for order in orders if agreement in (None, order.agreement)]

    def drop_order(self, tx: Transaction, order_id: str) -> None:
        memory(tx).drop(_ORDERS, order_id)

    def _select(self, tx: Transaction, condition: Callable[[Shipment], bool]) -> list[Shipment]:
        shipments = sorted(memory(tx).rows(_SHIPMENTS).values(), key=lambda shipment: shipment.id)
        shipments.sort(key=lambda shipment: shipment.at, reverse=True)
        return [shipment for shipment in shipments if condition(shipment)]
