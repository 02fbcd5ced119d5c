"""Subscriptions of one person, when two requests or two processes change them at the same moment."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

from node.base.clock import SystemClock
from node.base.errors import TooMany
from node.base.work import Transaction
from node.catalogue.subscriptions.letters import Letters
from node.catalogue.subscriptions.mail import SubscriptionMail
from node.catalogue.subscriptions.model import Subscriber, Subscription, SubscriptionView
from node.catalogue.subscriptions.usecases import DigestNews, Subscriptions
from node.identity.model import Caller, UserRole
from tests.fakes.keys import MemoryKeyRing
from tests.stores import Stores

EVA = Caller(did="did:web:a", account="eva", roles=frozenset({UserRole.STEWARD}))


class Simultaneous:
    """Store in which both look before either writes, unless the database has one of them wait."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self._both = threading.Barrier(2)
        self._looks = threading.local()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def of_person(self, tx: Transaction, login: str) -> Sequence[Subscription]:
        subscriptions: Sequence[Subscription] = self._store.of_person(tx, login)
        self._meet()
        return subscriptions

    def hold(self, tx: Transaction, login: str) -> Subscriber:
        subscriber: Subscriber = self._store.hold(tx, login)
        self._meet()
        return subscriber

    def subscriber(self, tx: Transaction, login: str) -> Subscriber | None:
        subscriber: Subscriber | None = self._store.subscriber(tx, login)
        self._meet()
        return subscriber

    def _meet(self) -> None:
        if not getattr(self._looks, "once", False):
            self._looks.once = True
            with suppress(threading.BrokenBarrierError):
                self._both.wait(0.5)


class Browse:
    """Knows one asset."""

    async def record(self, iri: str, by: Caller) -> Any:
        return SimpleNamespace(iri=iri, version=1)


class News:
    """Has news of one subscription, always."""

    async def news_for_digest(self, by: Caller) -> DigestNews:
        subscription = Subscription(id="urn:1", login="eva", iri="urn:x", created=SystemClock().now())
        return DigestNews(views=(SubscriptionView(subscription=subscription),), place=1)

    def mark_mailed(self, tx: Transaction, login: str, news: DigestNews) -> None:
        return None


def _subscriptions(stores: Stores, store: Any) -> Subscriptions:
    unused: Any = None
    browse: Any = Browse()
    return Subscriptions(
        uow=stores.uow,
        store=store,
        browse=browse,
        records=unused,
        visibility=unused,
        cursors=unused,
        position=lambda: 0,
        person=lambda _: EVA,
        clock=SystemClock(),
    )


def _mail(stores: Stores, store: Any) -> SubscriptionMail:
    news: Any = News()
    return SubscriptionMail(
        uow=stores.uow,
        store=store,
        outbox=stores.outbox,
        subscriptions=news,
        letters=Letters(name="Gent", base="https://data.ghent.example", sender="node@ghent.example"),
        box=MemoryKeyRing("did:web:a"),
        person=lambda _: EVA,
        clock=SystemClock(),
        wake=lambda: None,
    )


def _queued(stores: Stores) -> int:
    with stores.uow.read() as tx:
        return stores.outbox.waiting(tx)


async def test_a_double_click_subscribes_once(database_stores: Stores) -> None:
    subscriptions = _subscriptions(database_stores, Simultaneous(database_stores.subscriptions))
    first, second = await asyncio.gather(*(subscriptions.add_asset("urn:x", EVA) for _ in range(2)))
    assert first == second
    with database_stores.uow.read() as tx:
        assert list(database_stores.subscriptions.of_person(tx, "eva")) == [first]


async def test_two_processes_queue_one_digest(database_stores: Stores) -> None:
    now = SystemClock().now()
    eva = Subscriber(login="eva", mail="eva@x.example", mail_confirmed=now, mail_due=now, language="nl")
    with database_stores.uow.begin() as tx:
        database_stores.subscriptions.save_subscriber(tx, eva)
    store = Simultaneous(database_stores.subscriptions)
    counts = await asyncio.gather(*(_mail(database_stores, store).queue_due() for _ in range(2)))
    assert (sorted(counts), _queued(database_stores)) == ([0, 1], 1)


async def test_the_owner_of_an_address_is_asked_once(database_stores: Stores) -> None:
    mail = _mail(database_stores, Simultaneous(database_stores.subscriptions))
    requests = (mail.set_address(f"eva{number}@x.example", EVA, language="en") for number in range(2))
    answers = await asyncio.gather(*requests, return_exceptions=True)
    assert [type(answer) for answer in answers if answer is not None] == [TooMany]
    assert _queued(database_stores) == 1


async def test_a_new_feed_and_a_new_address_are_both_kept(database_stores: Stores) -> None:
    store = Simultaneous(database_stores.subscriptions)
    await asyncio.gather(
        _subscriptions(database_stores, store).make_feed(EVA),
        _mail(database_stores, store).set_address("eva@x.example", EVA, language="en"),
    )
    with database_stores.uow.read() as tx:
        eva = database_stores.subscriptions.subscriber(tx, "eva")
    assert eva is not None
    assert eva.feed_sha256
    assert eva.mail == "eva@x.example"
