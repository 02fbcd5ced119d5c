"""Shipments and their orders (``node.transfer.shipments.model.ShipmentStore``)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, delete, select

from node.adapters.sql.rows import build, put, values
from node.adapters.sql.schema.shipments import shipment_orders as order_table
from node.adapters.sql.schema.shipments import shipments as table
from node.adapters.sql.work import connection_of
from node.base.work import Transaction
from node.transfer.shipments.model import Shipment, ShipmentOrder, ShipmentState

_NEWEST_FIRST = (table.c.at.desc(), table.c.id)
_SHIPMENT = select(table).where(table.c.id == bindparam("of"))
_NEWEST = select(table).order_by(*_NEWEST_FIRST).limit(bindparam("most")).offset(bindparam("skipped"))
_OF_TRANSFER = select(table).where(table.c.transfer == bindparam("of")).order_by(*_NEWEST_FIRST)
_UNDER = select(table).where(table.c.agreement == bindparam("of")).order_by(*_NEWEST_FIRST)
_AT_PLACE = (
    select(table)
    .where(table.c.source == bindparam("of"), table.c.path == bindparam("place"))
    .order_by(*_NEWEST_FIRST)
)
# Rows are locked in the order of their ids, whatever they are locked for: nobody waits for whoever waits for him.
_LOCK_UNDER = select(table).where(table.c.agreement == bindparam("of")).order_by(table.c.id).with_for_update()
_LOCK_PLACE = (
    select(table)
    .where(table.c.source == bindparam("of"), table.c.path == bindparam("place"))
    .order_by(table.c.id)
    .with_for_update()
)
_ORDERS = select(order_table).order_by(order_table.c.at.desc(), order_table.c.id)
_ORDERS_UNDER = _ORDERS.where(order_table.c.agreement == bindparam("of"))
_DROP_ORDER = delete(order_table).where(order_table.c.id == bindparam("of"))


class SqlShipmentStore:
    """Shipments by id, transfer, agreement and place; orders by agreement."""

    def put(self, tx: Transaction, shipment: Shipment) -> None:
        row = values(shipment, state=str(shipment.state), progress=dict(shipment.progress))
        put(connection_of(tx), table, row)

    def get(self, tx: Transaction, shipment_id: str, *, lock: bool = False) -> Shipment | None:
        statement = _SHIPMENT.with_for_update() if lock else _SHIPMENT
        row = connection_of(tx).execute(statement, {"of": shipment_id}).one_or_none()
        return None if row is None else _shipment(row)

    def newest(self, tx: Transaction, limit: int, *, offset: int = 0) -> Sequence[Shipment]:
        rows = connection_of(tx).execute(_NEWEST, {"most": limit, "skipped": offset})
        return [_shipment(row) for row in rows]

    def of_transfer(self, tx: Transaction, transfer: str) -> Sequence[Shipment]:
        return [_shipment(row) for row in connection_of(tx).execute(_OF_TRANSFER, {"of": transfer})]

    def under(self, tx: Transaction, agreement: str, *, lock: bool = False) -> Sequence[Shipment]:
        rows = connection_of(tx).execute(_LOCK_UNDER if lock else _UNDER, {"of": agreement})
        shipments = [_shipment(row) for row in rows]
        return _newest_first(shipments) if lock else shipments

    def at_place(self, tx: Transaction, source: str, path: str, *, lock: bool = False) -> Sequence[Shipment]:
        rows = connection_of(tx).execute(_LOCK_PLACE if lock else _AT_PLACE, {"of": source, "place": path})
        shipments = [_shipment(row) for row in rows]
        return _newest_first(shipments) if lock else shipments

    def put_order(self, tx: Transaction, order: ShipmentOrder) -> None:
        put(connection_of(tx), order_table, values(order))

    def orders(self, tx: Transaction, agreement: str | None = None) -> Sequence[ShipmentOrder]:
        connection = connection_of(tx)
        rows = (
            connection.execute(_ORDERS) if agreement is None else connection.execute(_ORDERS_UNDER, {"of": agreement})
        )
        return [build(ShipmentOrder, row) for row in rows]

    def drop_order(self, tx: Transaction, order_id: str) -> None:
        connection_of(tx).execute(_DROP_ORDER, {"of": order_id})


def _newest_first(shipments: list[Shipment]) -> list[Shipment]:
    """Return them as they are listed; ``shipments`` are in the order of their ids."""
    return sorted(shipments, key=lambda shipment: shipment.at, reverse=True)


def _shipment(row: Any) -> Shipment:
    return build(Shipment, row, state=ShipmentState(row.state))
