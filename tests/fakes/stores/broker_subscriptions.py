"""Subscriptions of streams in memory (``node.datasources.brokers.ports.BrokerSubscriptionStore``)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from node.base.work import Transaction
from node.datasources.brokers.model import BrokerSubscription, BrokerSubscriptionView, ConnectionState
from tests.fakes.owners import Owners
from tests.fakes.stores.work import memory

_VIEWS = "stream_subscriptions"
_OWNERS = Owners("stream_subscription_owners")


class MemoryBrokerSubscriptionStore:
    """Views by stream; owner and its time by stream."""

    def put(self, tx: Transaction, subscription: BrokerSubscription) -> None:
        view = BrokerSubscriptionView(subscription=subscription, state=ConnectionState())
        memory(tx).put(_VIEWS, subscription.stream, view)
        _OWNERS.forget(tx, subscription.stream)

    def get(self, tx: Transaction, stream: str) -> BrokerSubscriptionView | None:
        return memory(tx).rows(_VIEWS).get(stream)

    def by_session(self, tx: Transaction, session: str) -> BrokerSubscription | None:
        subscriptions = [view.subscription for view in self.all(tx)]
        return next((each for each in subscriptions if each.session == session), None)

    def all(self, tx: Transaction) -> Sequence[BrokerSubscriptionView]:
        return [view for _, view in sorted(memory(tx).rows(_VIEWS).items())]

    def drop(self, tx: Transaction, stream: str) -> None:
        memory(tx).drop(_VIEWS, stream)
        _OWNERS.forget(tx, stream)

    def claim(self, tx: Transaction, *, owner: str, now: datetime, until: datetime) -> Sequence[BrokerSubscription]:
        subscriptions = {view.subscription.stream: view.subscription for view in self.all(tx)}
        own = _OWNERS.claim(tx, subscriptions, owner=owner, now=now, until=until)
        return [subscription for stream, subscription in subscriptions.items() if stream in own]

    def release(self, tx: Transaction, *, owner: str | None = None) -> None:
        _OWNERS.release(tx, owner)

    def note(self, tx: Transaction, session: str, state: ConnectionState, *, owner: str) -> None:
        for view in self.all(tx):
            stream = view.subscription.stream
            if view.subscription.session == session and _OWNERS.owns(tx, stream, owner):
                memory(tx).put(_VIEWS, stream, replace(view, state=state))
