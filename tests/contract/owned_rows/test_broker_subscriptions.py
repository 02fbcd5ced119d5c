"""BrokerSubscriptionStore: subscriptions of streams, the states of their connections, and their owners."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from node.datasources.brokers.model import BrokerSubscription, ConnectionState, Form
from tests.stores import Stores

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
SUBSCRIPTION = BrokerSubscription(
    stream="counters",
    source="sensors",
    topic="city/counters/+",
    form=Form.TEXT,
    members={"station": "topic:3", "bikes": "payload", "unit": "text:é"},
    session="0123456789",
    by="eva",
    at=NOON,
)
STATE = ConnectionState(
    since=NOON,
    seen=NOON + timedelta(seconds=3),
    messages=7,
    is_lasting=False,
    error="the broker ended the connection",
    remedy="wait",
    error_at=NOON - timedelta(hours=1),
)


def test_a_subscription_comes_out_as_it_went_in_and_is_replaced_without_its_state(stores: Stores) -> None:
    store = stores.broker_subscriptions
    with stores.uow.begin() as tx:
        store.put(tx, SUBSCRIPTION)
        store.put(tx, replace(SUBSCRIPTION, stream="air", session="other", form=Form.JSON, members={}))
    with stores.uow.begin() as tx:
        view = store.get(tx, "counters")
        assert view is not None
        assert (view.subscription, view.state) == (SUBSCRIPTION, ConnectionState())
        assert store.by_session(tx, SUBSCRIPTION.session) == SUBSCRIPTION
        assert store.by_session(tx, SUBSCRIPTION.session[:-1]) is None
        assert store.by_session(tx, "") is None
        store.claim(tx, owner="a", now=NOON, until=NOON + timedelta(seconds=15))
        store.note(tx, SUBSCRIPTION.session, STATE, owner="a")
        assert [(view.subscription.stream, view.state.messages) for view in store.all(tx)] == [
            ("air", 0),
            ("counters", 7),
        ]
        noted = store.get(tx, "counters")
        assert noted is not None
        assert noted.state == STATE
        store.put(tx, replace(SUBSCRIPTION, topic="city/air"))
        changed = store.get(tx, "counters")
        assert changed is not None
        assert (changed.subscription.topic, changed.state) == ("city/air", ConnectionState())
        store.drop(tx, "counters")
        store.drop(tx, "counters")
        assert store.get(tx, "counters") is None
        assert store.by_session(tx, SUBSCRIPTION.session) is None


def test_one_process_owns_a_subscription_until_its_time_is_over(stores: Stores) -> None:
    store = stores.broker_subscriptions

    def claim(owner: str, second: int) -> list[str]:
        now = NOON + timedelta(seconds=second)
        with stores.uow.begin() as tx:
            own = store.claim(tx, owner=owner, now=now, until=now + timedelta(seconds=15))
            return [subscription.stream for subscription in own]

    with stores.uow.begin() as tx:
        store.put(tx, SUBSCRIPTION)
    assert claim("a", 0) == ["counters"]
    assert claim("b", 1) == []
    assert claim("a", 10) == ["counters"]
    assert claim("b", 20) == []
    assert claim("b", 25) == ["counters"]
    assert claim("a", 26) == []
    with stores.uow.begin() as tx:
        store.note(tx, SUBSCRIPTION.session, STATE, owner="a")
        view = store.get(tx, "counters")
        assert view is not None
        assert view.state == ConnectionState()
        store.release(tx, owner="a")
    assert claim("a", 27) == []
    with stores.uow.begin() as tx:
        store.release(tx, owner="b")
    assert claim("a", 28) == ["counters"]
    with stores.uow.begin() as tx:
        store.release(tx)
    assert claim("b", 29) == ["counters"]
    with stores.uow.begin() as tx:
        store.put(tx, SUBSCRIPTION)
    assert claim("a", 30) == ["counters"]


def test_a_removed_stream_takes_its_subscription_along(stores: Stores) -> None:
    with stores.uow.begin() as tx:
        stores.broker_subscriptions.put(tx, SUBSCRIPTION)
        stores.streams.drop(tx, "counters")
        assert list(stores.broker_subscriptions.all(tx)) == []
