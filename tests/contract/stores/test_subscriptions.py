"""SubscriptionStore: subscriptions of people, and their feeds."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from node.base.errors import Conflict
from node.catalogue.subscriptions.model import Subscriber, Subscription
from tests.stores import Stores

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
SEARCH = Subscription(
    id="urn:1", login="eva", criteria={"q": ["fiets"], "kind": ["dataset"]}, name="Fietsen", created=NOW, place=7
)
ASSET = Subscription(id="urn:2", login="eva", iri="urn:x", created=NOW + timedelta(seconds=1), version=3)
OTHER = Subscription(id="urn:3", login="jan", iri="urn:x", created=NOW, first_version=2, mailed_place=2**40)


def test_subscriptions_come_out_as_they_went_in_the_newest_first(stores: Stores) -> None:
    with stores.uow.begin() as tx:
        for one in (SEARCH, ASSET, OTHER):
            stores.subscriptions.add(tx, one)
    with stores.uow.read() as tx:
        assert list(stores.subscriptions.of_person(tx, "eva")) == [ASSET, SEARCH]
        assert list(stores.subscriptions.of_person(tx, "jan")) == [OTHER]
        assert list(stores.subscriptions.of_person(tx, "nobody")) == []
    with pytest.raises(Conflict), stores.uow.begin() as tx:
        stores.subscriptions.add(tx, replace(OTHER, id="urn:1"))


def test_a_subscription_is_replaced_and_does_not_come_back_when_dropped(stores: Stores) -> None:
    seen = replace(SEARCH, place=9)
    with stores.uow.begin() as tx:
        stores.subscriptions.add(tx, SEARCH)
        stores.subscriptions.save(tx, seen)
        assert list(stores.subscriptions.of_person(tx, "eva")) == [seen]
        assert not stores.subscriptions.drop(tx, "jan", "urn:1")
        assert stores.subscriptions.drop(tx, "eva", "urn:1")
        assert not stores.subscriptions.drop(tx, "eva", "urn:1")
        stores.subscriptions.save(tx, seen)
        assert list(stores.subscriptions.of_person(tx, "eva")) == []


def test_a_feed_leads_to_its_person_until_it_ends(stores: Stores) -> None:
    with stores.uow.begin() as tx:
        stores.subscriptions.save_subscriber(tx, Subscriber(login="eva", feed_sha256="aa", feed_made=NOW))
        stores.subscriptions.save_subscriber(tx, Subscriber(login="jan"))
        stores.subscriptions.save_subscriber(tx, Subscriber(login="els"))
    with stores.uow.begin() as tx:
        assert stores.subscriptions.by_feed(tx, "aa") == Subscriber(login="eva", feed_sha256="aa", feed_made=NOW)
        stores.subscriptions.save_subscriber(tx, Subscriber(login="eva"))
        assert stores.subscriptions.by_feed(tx, "aa") is None
        assert stores.subscriptions.subscriber(tx, "eva") == Subscriber(login="eva")
        assert stores.subscriptions.subscriber(tx, "nobody") is None


def test_with_a_person_go_all_their_subscriptions_and_the_feed(stores: Stores) -> None:
    with stores.uow.begin() as tx:
        for one in (SEARCH, ASSET, OTHER):
            stores.subscriptions.add(tx, one)
        stores.subscriptions.save_subscriber(tx, Subscriber(login="eva", feed_sha256="aa", feed_made=NOW))
    with stores.uow.begin() as tx:
        stores.subscriptions.drop_person(tx, "eva")
        stores.subscriptions.drop_person(tx, "nobody")
    with stores.uow.read() as tx:
        assert list(stores.subscriptions.of_person(tx, "eva")) == []
        assert stores.subscriptions.subscriber(tx, "eva") is None
        assert list(stores.subscriptions.of_person(tx, "jan")) == [OTHER]


def test_digests_are_due_in_their_order(stores: Stores) -> None:
    eva = Subscriber(
        login="eva", mail="eva@x.example", mail_asked=NOW, mail_confirmed=NOW, mail_due=NOW, language="nl"
    )
    jan = Subscriber(login="jan", mail="jan@x.example", mail_due=NOW - timedelta(hours=1))
    with stores.uow.begin() as tx:
        for one in (eva, jan, Subscriber(login="els"), replace(eva, login="ann", mail_due=NOW + timedelta(days=1))):
            stores.subscriptions.save_subscriber(tx, one)
        assert list(stores.subscriptions.with_mail_due(tx, NOW)) == [jan, eva]
        assert list(stores.subscriptions.with_mail_due(tx, NOW - timedelta(days=1))) == []


def test_a_person_who_is_held_exists(stores: Stores) -> None:
    eva = Subscriber(login="eva", feed_sha256="aa", feed_made=NOW)
    with stores.uow.begin() as tx:
        stores.subscriptions.save_subscriber(tx, eva)
        assert stores.subscriptions.hold(tx, "eva") == eva
        assert stores.subscriptions.hold(tx, "jan") == Subscriber(login="jan")
    with stores.uow.read() as tx:
        assert stores.subscriptions.subscriber(tx, "jan") == Subscriber(login="jan")
