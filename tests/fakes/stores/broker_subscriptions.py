"""Subscriptions of streams in memory (``node.datasources.brokers.ports.BrokerSubscriptionStore``)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from node.base.work import Transaction
from node.datasources.brokers.model import BrokerSubscription, BrokerSubscriptionView, ConnectionState
from tests.fakes.stores.work import memory

_VIEWS, _OWNERS = "stream_subscriptions", "stream_subscription_owners"


class MemoryBrokerSubscriptionStore:
    """Views by stream; owner and its time by stream."""

    def put(self, tx: Transaction, subscription: BrokerSubscription) -> None:
        view = BrokerSubscriptionView(subscription=subscription, state=ConnectionState())
        memory(tx).put(_VIEWS, subscription.stream, view)
        memory(tx).drop(_OWNERS, subscription.stream)

    def get(self, tx: Transaction, stream: str) -> BrokerSubscriptionView | None:
        return memory(tx).rows(_VIEWS).get(stream)

    def by_session(self, tx: Transaction, session: str) -> BrokerSubscription | None:
        subscriptions = [view.subscription for view in self.all(tx)]
        return next((each for each in subscriptions if each.session == session), None)

    def all(self, tx: Transaction) -> Sequence[BrokerSubscriptionView]:
        return [view for _, view in sorted(memory(tx).rows(_VIEWS).items())]

    def drop(self, tx: Transaction, stream: str) -> None:
        memory(tx).drop(_VIEWS, stream)
        memory(tx).drop(_OWNERS, stream)

    def claim(self, tx: Transaction, *, owner: str, now: datetime, until: datetime) -> Sequence[BrokerSubscription]:
        for view in self.all(tx):
            holder, end = self._owner(tx, view.subscription.stream)
            if holder in (None, owner) or end <= now:
                memory(tx).put(_OWNERS, view.subscription.stream, (owner, until))
        return [view.subscription for view in self.all(tx) if self._owner(tx, view.subscription.stream)[0] == owner]

    def release(self, tx: Transaction, *, owner: str | None = None) -> None:
        for view in self.all(tx):
            if owner is None or self._owner(tx, view.subscription.stream)[0] == owner:
                memory(tx).drop(_OWNERS, view.subscription.stream)

    def note(self, tx: Transaction, session: str, state: ConnectionState, *, owner: str) -> None:
        for view in self.all(tx):
            stream = view.subscription.stream
            if view.subscription.session == session and self._owner(tx, stream)[0] == owner:
                memory(tx).put(_VIEWS, stream, replace(view, state=state))

    def _owner(self, tx: Transaction, stream: str) -> Any:
        return memory(tx).rows(_OWNERS).get(stream, (None, None))
