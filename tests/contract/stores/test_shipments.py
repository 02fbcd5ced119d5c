"""The contract of ``ShipmentStore``."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from node.transfer.shipments.model import Shipment, ShipmentOrder, ShipmentState
from tests.stores import Stores

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def shipment(number: int, **changes: object) -> Shipment:
    plain = Shipment(
        id=f"s{number}",
        transfer="urn:t1",
        agreement="urn:a1",
        dataset="https://gent.example/datasets/d",
        source="open",
        path="in/d.csv",
        sha256="a" * 64,
        size=5,
        state=ShipmentState.QUEUED,
        by="eva",
        at=NOW + timedelta(seconds=number),
        changed=NOW,
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def ids(shipments: object) -> list[str]:
    return [each.id for each in shipments]  # type: ignore[attr-defined]


def test_a_shipment_comes_back_as_it_was_and_is_replaced(stores: Stores) -> None:
    first = shipment(1, progress={"upload": "u", "parts": ["e1"]}, reason="busy", attempts=2, address="/srv/open")
    with stores.uow.begin() as tx:
        assert stores.shipments.get(tx, "s1") is None
        stores.shipments.put(tx, first)
    with stores.uow.begin() as tx:
        assert stores.shipments.get(tx, "s1", lock=True) == first
        stores.shipments.put(tx, replace(first, state=ShipmentState.SENT, progress={}))
    with stores.uow.read() as tx:
        assert stores.shipments.get(tx, "s1") == replace(first, state=ShipmentState.SENT, progress={})


def test_shipments_are_found_newest_first(stores: Stores) -> None:
    with stores.uow.begin() as tx:
        stores.shipments.put(tx, shipment(1))
        stores.shipments.put(tx, shipment(2, agreement="urn:a2", path="in/e.csv"))
        stores.shipments.put(tx, shipment(3, transfer="urn:t2", source="bucket"))
    with stores.uow.begin() as tx:
        assert ids(stores.shipments.newest(tx, 10)) == ["s3", "s2", "s1"]
        assert ids(stores.shipments.newest(tx, 1, offset=1)) == ["s2"]
        assert ids(stores.shipments.of_transfer(tx, "urn:t1")) == ["s2", "s1"]
        assert ids(stores.shipments.under(tx, "urn:a1", lock=True)) == ["s3", "s1"]
        assert ids(stores.shipments.at_place(tx, "open", "in/d.csv")) == ["s1"]


def test_a_place_is_locked_as_a_whole_and_read_as_it_is_then(stores: Stores) -> None:
    with stores.uow.begin() as tx:
        for number in (1, 2, 3):
            stores.shipments.put(tx, shipment(number, version=number))

    def read() -> list[tuple[str, str]]:
        with stores.uow.begin() as tx:
            rows = stores.shipments.at_place(tx, "open", "in/d.csv", lock=True)
        return [(row.id, str(row.state)) for row in rows]

    with ThreadPoolExecutor(1) as threads:
        with stores.uow.begin() as tx:
            rows = stores.shipments.at_place(tx, "open", "in/d.csv", lock=True)
            assert [(row.id, row.version) for row in rows] == [("s3", 3), ("s2", 2), ("s1", 1)]
            reading = threads.submit(read)
            stores.shipments.put(tx, replace(rows[2], state=ShipmentState.SENDING))
        assert reading.result() == [("s3", "queued"), ("s2", "queued"), ("s1", "sending")]


def test_orders_are_listed_by_agreement_and_dropped(stores: Stores) -> None:
    orders = [
        ShipmentOrder(
            id=f"o{number}",
            agreement=f"urn:a{number}",
            source="open",
            pattern="{name}",
            by="eva",
            at=NOW + timedelta(seconds=number),
        )
        for number in (1, 2)
    ]
    with stores.uow.begin() as tx:
        for order in orders:
            stores.shipments.put_order(tx, order)
    with stores.uow.begin() as tx:
        assert list(stores.shipments.orders(tx)) == [orders[1], orders[0]]
        assert list(stores.shipments.orders(tx, "urn:a1")) == [orders[0]]
        stores.shipments.drop_order(tx, "o1")
        stores.shipments.drop_order(tx, "unknown")
    with stores.uow.read() as tx:
        assert list(stores.shipments.orders(tx)) == [orders[1]]
