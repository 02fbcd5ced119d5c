"""The contract of ``WebhookStore``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from node.operation.webhooks.model import Course, DeliveryState, Webhook, WebhookDelivery
from tests.stores import Stores

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
WEBHOOK = Webhook(
    name="airflow",
    address="https://airflow.example/events",
    kinds=("hansa.asset.published", "hansa.run.failed"),
    secret=b"sealed",
    position=7,
    by="eva",
    at=NOW,
)


def delivery(number: int, **changes: object) -> WebhookDelivery:
    plain = WebhookDelivery(
        id=f"d{number}",
        webhook="airflow",
        event=f"urn:e{number}",
        seq=number,
        kind="hansa.asset.published",
        subject="https://gent.example/datasets/d",
        at=NOW + timedelta(seconds=number),
        changed=NOW,
        course=Course(task=f"urn:t{number}"),
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def ids(deliveries: Iterable[WebhookDelivery]) -> list[str]:
    return [each.id for each in deliveries]


def test_a_webhook_comes_back_as_it_was_and_its_name_is_taken(stores: Stores) -> None:
    store = stores.webhooks
    with stores.uow.begin() as tx:
        assert store.get(tx, "airflow") is None
        assert store.add(tx, WEBHOOK)
        assert not store.add(tx, replace(WEBHOOK, address="https://elsewhere.example/"))
    with stores.uow.begin() as tx:
        assert store.get(tx, "airflow", lock=True) == WEBHOOK
        store.put(tx, replace(WEBHOOK, paused=True, reason="gone", delivered=NOW, secret=None, position=9))
        assert store.add(tx, replace(WEBHOOK, name="a-first"))
    with stores.uow.read() as tx:
        assert [each.name for each in store.all(tx)] == ["a-first", "airflow"]
        changed = store.get(tx, "airflow")
    assert changed == replace(WEBHOOK, paused=True, reason="gone", delivered=NOW, secret=None, position=9)


def test_what_waits_in_the_line_and_aside_is_counted_apart(stores: Stores) -> None:
    store, aside = stores.webhooks, Course(task="urn:t", aside=True, since=NOW)
    with stores.uow.begin() as tx:
        store.add(tx, WEBHOOK)
        for number in range(1, 6):
            store.put_delivery(tx, delivery(number, course=aside) if number < 4 else delivery(number))
        store.put_delivery(tx, delivery(6, course=aside, state=DeliveryState.DEAD))
        store.put_delivery(tx, delivery(7, course=aside, webhook="other"))
    with stores.uow.read() as tx:
        assert store.delivery(tx, "d1") == delivery(1, course=aside)
        assert ids(store.waiting(tx, "airflow", aside=True, limit=9)) == ["d3", "d2", "d1"]
        assert ids(store.waiting(tx, "airflow", aside=True, limit=1, offset=1)) == ["d2"]
        assert ids(store.waiting(tx, "airflow", aside=False, limit=9)) == ["d5", "d4"]
        assert store.count_waiting(tx, "airflow", aside=True) == 3
        assert store.count_waiting(tx, "airflow", aside=False) == 2
        assert store.count_waiting(tx, "unknown", aside=True) == 0


def test_deliveries_are_listed_counted_and_trimmed(stores: Stores) -> None:
    store, done = stores.webhooks, DeliveryState.DELIVERED
    with stores.uow.begin() as tx:
        store.add(tx, WEBHOOK)
        store.add(tx, replace(WEBHOOK, name="other"))
        for number in range(1, 7):
            store.put_delivery(tx, delivery(number, state=done if number < 5 else DeliveryState.WAITING))
        store.put_delivery(tx, delivery(6, state=DeliveryState.DEAD, attempts=3, answer="busy"))
        store.put_delivery(tx, delivery(9, webhook="other"))
    with stores.uow.begin() as tx:
        assert store.delivery(tx, "d6") == delivery(6, state=DeliveryState.DEAD, attempts=3, answer="busy")
        assert store.delivery(tx, "unknown") is None
        assert ids(store.deliveries(tx, "airflow", limit=2, offset=1)) == ["d5", "d4"]
        assert ids(store.deliveries(tx, "airflow", state=done, limit=9)) == ["d4", "d3", "d2", "d1"]
        assert store.counts(tx, "airflow") == {done: 4, DeliveryState.WAITING: 1, DeliveryState.DEAD: 1}
        assert store.counts(tx, "unknown") == {}
        store.trim(tx, "airflow", keep=2)
        assert ids(store.deliveries(tx, "airflow", limit=9)) == ["d6", "d5", "d4", "d3"]
        store.trim(tx, "airflow", keep=2)
        store.drop(tx, "airflow")
    with stores.uow.read() as tx:
        assert store.get(tx, "airflow") is None
        assert ids(store.deliveries(tx, "airflow", limit=9)) == []
        assert ids(store.deliveries(tx, "other", limit=9)) == ["d9"]
