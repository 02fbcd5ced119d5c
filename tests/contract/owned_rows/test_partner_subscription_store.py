"""PartnerSubscriptionStore: subscriptions of partners, how far they are, who works for them, and dead letters."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from node.transfer.notifications.model import (
    DeadLetter,
    PartnerSubscription,
    SubscriptionProgress,
    SubscriptionState,
)
from tests.contract.owned_rows.owners import LATER, NOON, require_one_owner
from tests.stores import Stores

DOCUMENT = {
    "id": "urn:ngsi-ld:Subscription:1",
    "type": "Subscription",
    "entities": [{"type": "Zähler"}],
    "notification": {"endpoint": {"uri": "https://b.example/notify"}},
}
SUBSCRIPTION = PartnerSubscription(
    key="k1",
    id="urn:ngsi-ld:Subscription:1",
    transfer="urn:uuid:t1",
    agreement="urn:uuid:a1",
    partner="did:web:partner.example",
    document=DOCUMENT,
    secrets=b"\x00sealed",
    at=NOON,
)
PROGRESS = SubscriptionProgress(
    place="17",
    notifications=1 << 40,
    entities=3,
    failures=2,
    omissions=1,
    gaps=4,
    last_sent=NOON,
    last_success=NOON,
    last_failure=NOON - timedelta(hours=1),
    failing_since=NOON,
    code="peer-unreachable",
    error="the receiver failed (500)",
    remedy="wait",
    reasons=({"code": "x"}, "y"),
)


def test_a_subscription_comes_out_as_it_went_in_and_is_replaced(stores: Stores) -> None:
    store = stores.partner_subscriptions
    other = replace(SUBSCRIPTION, key="a1", transfer="urn:uuid:t2", secrets=None)
    with stores.uow.begin() as tx:
        assert store.count(tx) == 0
        store.put(tx, SUBSCRIPTION, PROGRESS)
        store.put(tx, other, SubscriptionProgress())
    with stores.uow.begin() as tx:
        view = store.get(tx, "k1", lock=True)
        assert view is not None
        assert (view.subscription, view.progress, view.dead) == (SUBSCRIPTION, PROGRESS, 0)
        assert [view.subscription.key for view in store.all(tx)] == ["a1", "k1"]
        assert [view.subscription for view in store.of_transfer(tx, "urn:uuid:t2")] == [other]
        assert store.count(tx) == 2
        store.put(tx, replace(SUBSCRIPTION, secrets=None), SubscriptionProgress(place="18"))
        changed = store.get(tx, "k1")
        assert changed is not None
        assert (changed.subscription.secrets, changed.progress.place) == (None, "18")
        store.drop(tx, "k1")
        store.drop(tx, "k1")
        assert store.get(tx, "k1") is None
        assert store.get(tx, "k1", lock=True) is None


def test_one_process_owns_a_subscription_until_its_time_is_over_or_it_is_not_active(stores: Stores) -> None:
    store = stores.partner_subscriptions
    with stores.uow.begin() as tx:
        store.put(tx, SUBSCRIPTION, SubscriptionProgress())
        require_one_owner(
            store,
            tx,
            "k1",
            lambda view: str(view.subscription.key),
            empty=SubscriptionProgress(),
            progress=PROGRESS,
        )
        for state in (SubscriptionState.PAUSED, SubscriptionState.ENDED, SubscriptionState.EXPIRED):
            store.put(tx, SUBSCRIPTION, SubscriptionProgress())
            assert store.note(tx, "k1", PROGRESS, owner="c") is False, "putting it takes it from its owner"
            store.claim(tx, owner="c", now=NOON, until=LATER)
            assert store.note(tx, "k1", replace(PROGRESS, state=state, ended=LATER), owner="c") is True
            assert store.note(tx, "k1", SubscriptionProgress(), owner="c") is False
            assert store.claim(tx, owner="c", now=LATER, until=LATER) == []


def test_dead_letters_go_with_their_subscription(stores: Stores) -> None:
    store = stores.partner_subscriptions
    letter = DeadLetter(id="l2", subscription="k1", place="17", count=3, answer="refused (400)", at=NOON)
    with stores.uow.begin() as tx:
        store.put(tx, SUBSCRIPTION, SubscriptionProgress())
        store.put(tx, replace(SUBSCRIPTION, key="k2"), SubscriptionProgress())
        store.add_dead(tx, letter)
        store.add_dead(tx, replace(letter, id="l1", at=LATER))
        store.add_dead(tx, replace(letter, id="l3", subscription="k2"))
        assert [each.id for each in store.dead(tx, "k1")] == ["l2", "l1"]
        assert store.dead(tx, "k1")[0] == letter
        assert [view.dead for view in store.all(tx)] == [2, 1]
        store.put(tx, SUBSCRIPTION, PROGRESS)
        store.drop_dead(tx, "l2")
        assert [each.id for each in store.dead(tx, "k1")] == ["l1"]
        store.drop(tx, "k1")
        assert store.dead(tx, "k1") == []
        assert len(store.dead(tx, "k2")) == 1


def test_what_ended_long_ago_is_forgotten_and_nothing_else(stores: Stores) -> None:
    store = stores.partner_subscriptions
    before = NOON - timedelta(seconds=1)
    with stores.uow.begin() as tx:
        for key, state, ended in (
            ("ended", SubscriptionState.ENDED, before),
            ("expired", SubscriptionState.EXPIRED, before),
            ("paused", SubscriptionState.PAUSED, before),
            ("active", SubscriptionState.ACTIVE, None),
            ("young", SubscriptionState.ENDED, NOON),
        ):
            store.put(tx, replace(SUBSCRIPTION, key=key), SubscriptionProgress(state=state, ended=ended))
        store.forget(tx, NOON)
        assert [view.subscription.key for view in store.all(tx)] == ["active", "paused", "young"]
